"""Sections that are given in part, and values that nothing would read."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from weakseg.config import Config, schema
from weakseg.settings.reading import parse
from weakseg.settings.section import Section

ROOT = Path(__file__).parents[2]


def sections(model: type[Section], path: str = "") -> Iterator[tuple[type[Section], str, Section]]:
    """Model, field and default of every field whose default is a section, the configuration's own first."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, Section):
            yield model, name, field.default
            yield from sections(type(field.default), f"{path}.{name}")


FIELDS = {(model.__name__, name): (model, name, default) for model, name, default in sections(Config)}


def test_the_walk_finds_the_fields_with_defaults_of_their_own() -> None:
    own = {key for key, (_, _, default) in FIELDS.items() if default != type(default)()}
    assert {
        ("SegmenterConfig", "training"),
        ("AttentionConfig", "training"),
        ("PredictionConfig", "crf"),
    } <= own


@pytest.mark.parametrize(("model", "name", "default"), FIELDS.values(), ids=[".".join(key) for key in FIELDS])
def test_a_section_given_in_part_keeps_the_fields_own_default(
    model: type[Section], name: str, default: Section
) -> None:
    assert getattr(parse(model, {name: {}}, "a"), name) == default
    for key in type(default).model_fields:
        value = getattr(default, key)
        plain = value.model_dump(mode="json") if isinstance(value, Section) else value
        assert getattr(parse(model, {name: {key: plain}}, "a"), name) == default


@pytest.mark.parametrize(("model", "name", "default"), FIELDS.values(), ids=[".".join(key) for key in FIELDS])
def test_the_schema_tells_the_fields_own_default(model: type[Section], name: str, default: Section) -> None:
    whole = json.loads(schema())
    owner = whole if model is Config else whole["$defs"][model.__name__]
    assert getattr(parse(model, {name: owner["properties"][name]["default"]}, "a"), name) == default


def test_one_value_changes_no_other(given: Callable[[str, Any], Config]) -> None:
    """Found in a run: 1,000 iterations, the default of any training, in place of the segmenter's 16,000."""
    training = given("segmenter.training.workers", 4).segmenter.training
    assert (training.iterations, training.batch_size, training.workers) == (16_000, 10, 4)
    training = given("attention", {"training": {"batch_size": 4}}).attention.training
    assert (training.weight_decay, training.schedule, training.batch_size) == (2e-4, "step", 4)
    crf = given("segmenter.prediction.crf.engine", "numba").segmenter.prediction.crf
    assert (crf.preset, crf.engine) == ("deeplab", "numba")
    assert given("proxy.refine.crf.engine", "numba").proxy.refine.crf.preset == "irn"


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        (
            "segmenter.training",
            {"optimizer": "adamw", "momentum": 0.99},
            "momentum is 0.99, but optimizer is adamw",
        ),
        (
            "segmenter.training",
            {"optimizer": "adamw", "nesterov": True},
            "nesterov is True, but optimizer is adamw",
        ),
        (
            "segmenter.training",
            {"schedule": "constant", "step_at": 0.5},
            "step_at is 0.5, but schedule is constant",
        ),
        ("segmenter.training", {"nesterov": True, "momentum": 0}, "nesterov is true, but momentum is 0"),
        ("detector.training", {"schedule": "poly", "step_at": 0.6}, "step_at is 0.6, but schedule is poly"),
        ("saliency.rcrnet.training.momentum", 0.5, "momentum is 0.5, but optimizer is adamw"),
        (
            "attention.backbone",
            {"weights": "none", "normalization": "caffe_bgr"},
            "normalization is caffe_bgr, but weights is none",
        ),
    ],
)
def test_a_value_that_nothing_reads_is_refused(
    refusal: Callable[[str, Any], str], path: str, value: Any, part: str
) -> None:
    assert part in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("segmenter.training", {"optimizer": "adamw", "momentum": 0.9, "nesterov": False}),
        ("segmenter.training", {"schedule": "poly", "step_at": 0.6}),
        ("detector.training", {"schedule": "poly", "step_at": 0.75}),
        ("detector.training", {"schedule": "poly"}),
        ("segmenter.training", {"optimizer": "sgd", "momentum": 0.99, "nesterov": True}),
    ],
)
def test_a_default_is_no_such_value(given: Callable[[str, Any], Config], path: str, value: Any) -> None:
    given(path, value)


PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))
PUBLISHED = [path for path in PRESETS if re.fullmatch(r"voc-(cam|acol|spg|oaa.*)\.yaml", path.name)]
"""One method's whole schedule: who takes another optimizer takes its values along, and is told so."""


@pytest.mark.parametrize("other", [{"optimizer": "adamw"}, {"optimizer": "sgd"}, {"schedule": "poly"}])
@pytest.mark.parametrize(
    "preset",
    [None, *(path for path in PRESETS if path not in PUBLISHED)],
    ids=lambda preset: getattr(preset, "name", "config.yaml"),
)
def test_no_preset_sets_a_trap_for_who_changes_one_value(preset: Path | None, other: dict[str, str]) -> None:
    """A user's optimizer or schedule, laid over config.yaml and a preset, is taken in every room that trains."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    if preset is not None:
        values = merged(values, yaml.safe_load(preset.read_text(encoding="utf-8")))
    for room in ("attention", "segmenter", "detector"):
        values = merged(values, {room: {"training": other}})
    parse(Config, values, str(preset))


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """As Snakemake lays one file over another."""
    both = {
        name: merged(below[name], value)
        if isinstance(value, dict) and isinstance(below.get(name), dict)
        else value
        for name, value in above.items()
    }
    return below | both


def trainings(values: Any) -> Iterator[dict[str, Any]]:
    """Every section `training` of a file."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from [value] if name == "training" else trainings(value)


@pytest.mark.parametrize(
    "file",
    [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "presets").glob("*.yaml"))],
    ids=lambda file: file.name,
)
def test_what_is_trained_by_adamw_has_no_weight_decay(file: Path) -> None:
    """At the rates written there any usual value does nothing (docs/segmenters.md)."""
    for training in trainings(yaml.safe_load(file.read_text(encoding="utf-8"))):
        if training.get("optimizer") == "adamw":
            assert training["weight_decay"] == 0.0
        elif "weight_decay" in training:
            assert training["weight_decay"] >= 2e-4


def test_schedules_that_are_called_published_clip_nothing() -> None:
    values = yaml.safe_load((ROOT / "workflow" / "presets" / "voc.yaml").read_text(encoding="utf-8"))
    config = parse(Config, values, "voc.yaml")
    assert config.attention.training.clip_gradient == 0.0
    assert config.segmenter.training.clip_gradient == 0.0
    assert config.saliency.rcrnet_video.training.clip_gradient == 0.0
    assert config.detector.training.clip_gradient == 0.0
