"""The schema, the descriptions and the presets that the repository holds are in step with the models."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from weakseg.config import Config, Section, schema
from weakseg.config.layers import layered
from weakseg.errors import InputError
from weakseg.settings.reading import parse

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


def test_schema_in_step() -> None:
    committed = (ROOT / "workflow" / "config.schema.json").read_text(encoding="utf-8")
    assert committed == schema(), (
        "config.py changed; run: "
        "python -c 'from weakseg.config import schema; print(schema(), end=\"\")' > workflow/config.schema.json"
    )


def sections(model: type[Section]) -> set[type[Section]]:
    found = {model}
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found |= sections(field.annotation)
    return found


def test_every_knob_is_described() -> None:
    lacking = [
        f"{model.__name__}.{name}"
        for model in sections(Config)
        for name, field in model.model_fields.items()
        if not field.description and field.annotation not in sections(Config)
    ]
    assert lacking == []


def test_presets_are_found() -> None:
    assert PRESETS


@pytest.mark.parametrize("preset", [None, *PRESETS], ids=lambda path: path.stem if path else "config.yaml")
def test_committed_configuration_is_valid(preset: Path | None) -> None:
    values = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    bare = values
    if preset is not None:
        values = layered([preset])
        assert values != bare
    parse(Config, values, str(preset))


def laid(*presets: str) -> dict[str, Any]:
    """config.yaml under these presets, the last on top, by Snakemake's own merge."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for preset in presets:
        text = (ROOT / "workflow" / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")
        update_config(values, yaml.safe_load(text))
    return values


PUBLISHED = {
    "seenet": ["voc"],
    "cam": ["voc", "voc-cam"],
    "acol": ["voc", "voc-acol"],
    "spg": ["voc", "voc-spg"],
    "oaa": ["voc", "voc-oaa"],
    "oaa_drop": ["voc", "voc-oaa", "voc-oaa-drop"],
    "oaa_plus": ["voc", "voc-oaa-plus"],
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_published_schedules_clip_no_gradient(method: str) -> None:
    config = parse(Config, laid(*PUBLISHED[method]), method)
    assert config.attention.schedule_of == config.attention.method == method.removesuffix("_drop")
    assert config.attention.oaa.drop == (method == "oaa_drop")
    for training in (config.attention.training, config.segmenter.training, config.detector.training):
        assert training.clip_gradient == 0


def test_every_preset_that_claims_a_published_schedule_clips_no_gradient() -> None:
    for path in PRESETS:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
        if sections.get("attention", {}).get("schedule_of"):
            assert sections["attention"]["training"]["clip_gradient"] == 0, path


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("seenet", (25_000, 16, 1e-3, 0.9, False, 2e-4, "step", 0.6)),
        ("oaa", (31_746, 5, 1e-3, 0.9, True, 5e-4, "step", 0.6667)),
        ("oaa_drop", (31_746, 5, 1e-3, 0.9, True, 5e-4, "step", 0.6667)),
        ("oaa_plus", (31_746, 5, 1e-3, 0.9, True, 5e-4, "step", 0.6667)),
        ("acol", (31_746, 20, 1e-4, 0.9, True, 5e-4, "constant", 0.6)),
        ("spg", (2_645, 20, 1e-3, 0.9, True, 5e-4, "constant", 0.6)),
        ("cam", (9_915, 16, 0.1 / 20, 0.0, False, 5e-4 * 20, "poly", 0.6)),
    ],
)
def test_schedules_are_the_published_ones(method: str, values: tuple[Any, ...]) -> None:
    training = parse(Config, laid(*PUBLISHED[method]), method).attention.training
    names = (
        "iterations",
        "batch_size",
        "learning_rate",
        "momentum",
        "nesterov",
        "weight_decay",
        "schedule",
        "step_at",
    )
    assert tuple(getattr(training, name) for name in names) == pytest.approx(values)


def test_oaa_drop_does_not_take_seenets_schedule_in_silence() -> None:
    with pytest.raises(InputError, match=r"method is oaa; take its preset \(preset: voc-oaa, or "):
        parse(Config, laid("voc", "voc-oaa-drop"), "voc-oaa-drop.yaml")


@pytest.mark.parametrize(("name", "below"), [("voc-spg", ["voc"]), ("voc-oaa-drop", ["voc", "voc-oaa"])])
def test_a_preset_by_name_brings_those_below_it(name: str, below: list[str]) -> None:
    files = parse(Config, laid(*below, name), name)
    by_name = parse(Config, layered([], [f"preset={name}"]), name)
    alone = parse(Config, layered([ROOT / "workflow" / "presets" / f"{name}.yaml"]), name)
    assert files.stages() == by_name.stages() == alone.stages()


def test_views_of_oaa_are_whole_images_changed_in_colour_alone() -> None:
    training = parse(Config, laid("voc", "voc-oaa"), "oaa").attention.training
    assert training.crop == training.resize
    assert training.scales == (1.0, 1.0)
    assert (training.flip, training.color_jitter, training.hue_jitter) == (False, 0.3, 0.1)


@pytest.mark.parametrize("method", ["spg", "oaa", "oaa_plus", "acol", "cam"])
def test_a_method_does_not_take_seenets_schedule_in_silence(method: str) -> None:
    values = laid("voc")
    update_config(values, {"attention": {"method": method}})
    with pytest.raises(InputError) as caught:
        parse(Config, values, "voc.yaml")
    name = f"voc-{method.replace('_', '-')}"
    preset = f"workflow/presets/{name}.yaml"
    assert str(caught.value) == (
        "voc.yaml: 'attention': training is seenet's published schedule (schedule_of), but method is "
        f"{method}; take its preset (preset: {name}, or {preset} as the last --configfile), or set schedule_of to null "
        "to keep these values"
    )
    assert (ROOT / preset).is_file()
    values["attention"]["schedule_of"] = None
    assert parse(Config, values, "voc.yaml").attention.training.iterations == 25_000
    values["attention"] |= {"schedule_of": "seenet", "method": "folder"}  # which trains nothing
    parse(Config, values, "voc.yaml")
