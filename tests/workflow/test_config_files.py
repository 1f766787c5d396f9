"""The presets over config.yaml, and the profiles."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import get_argument_parser

from weakseg.config import Config
from weakseg.config.layers import laid, layered
from weakseg.settings.reading import parse

ROOT = Path(__file__).parents[2]
PRESETS = ROOT / "workflow" / "presets"
WHOLE = ("voc-animals", "voc")
NAMED = ("photographs", "quick")
"""Presets without images: a configuration of one's own names them."""
TEMPLATES = ("your-images",)
OVERLAYS = {
    "voc-animals-ceiling": {"segmenter-train"},
    "voc-animals-unsupervised": {
        "saliency-train",
        "saliency-maps",
        "attention-train",
        "proxy-fuse",
    },
    "voc-animals-quick": {
        "saliency-maps",
        "attention-train",
        "attention-maps",
        "proxy-fuse",
        "proxy-refine",
        "segmenter-train",
    },
    "voc-animals-quick-ceiling": {"segmenter-train"},
    "demo-ceiling": {"segmenter-train"},
    "seenet-release": {"attention-train"},
    "davis-rcrnet": {"saliency-train", "saliency-maps"},
    "davis-rcrnet-video": {"saliency-train", "saliency-maps"},
    "davis-srm": {"saliency-train", "saliency-maps"},
    "start-rcrnet": {"saliency-train", "saliency-maps"},
    "start-srm": {"saliency-train", "saliency-maps"},
}
"""Overlay → the stages that it changes."""
PUBLISHED = ("voc-cam", "voc-acol", "voc-spg", "voc-oaa", "voc-oaa-drop", "voc-oaa-plus")
"""Overlays of `voc`: an attention method with its published schedule."""


def _read(path: Path) -> dict[str, Any]:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def test_every_preset_is_tested() -> None:
    assert {path.stem for path in PRESETS.glob("*.yaml")} == {
        *WHOLE,
        *NAMED,
        *TEMPLATES,
        *OVERLAYS,
        *PUBLISHED,
    }


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_preset_inherits_nothing_from_the_demo(name: str) -> None:
    preset = _read(PRESETS / f"{name}.yaml")
    over_demo = parse(Config, laid(_read(ROOT / "config.yaml"), preset), name)
    alone = parse(Config, preset, name)
    assert over_demo.stages() == alone.stages()
    assert (over_demo.run, over_demo.shards) == (alone.run, alone.shards) != ("demo", 2)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_preset_leaves_nothing_of_the_demo_but_run_and_images(name: str) -> None:
    images = {
        "run": "mine",
        "shards": 4,
        "dataset": {"source": "table", "classes": ["cat"], "bad_images": "stop"},
    }
    chain = [_read(PRESETS / f"{name}.yaml")]
    while (below := chain[0].pop("preset", None)) is not None:
        chain.insert(0, _read(PRESETS / f"{below}.yaml"))
    named = laid(*chain, images)
    over_demo = parse(Config, laid(_read(ROOT / "config.yaml"), named), name)
    assert over_demo.stages() == parse(Config, named, name).stages()


def test_photographs_are_treated_as_those_that_were_measured() -> None:
    """Networks, schedules and thresholds of voc-animals; cameras' images are brought to VOC's size."""
    ours, measured = (
        parse(Config, _read(PRESETS / f"{name}.yaml") | {"preset": None}, name).lines()
        for name in ("photographs", "voc-animals")
    )
    differ = {line.partition(": ")[0] for line in {*ours} ^ {*measured}}
    rooms = ("saliency", "attention", "proxy", "segmenter", "detector", "evaluation")
    assert {key for key in differ if key.startswith(rooms)} == {
        *("saliency.onnx.file", "saliency.onnx.preset", "saliency.onnx.size"),  # u2netp by name has its own
        *(f"{room}.backbone.weights" for room in ("attention", "segmenter", "detector")),
        "segmenter.training.resize",
        "segmenter.prediction.longest",
    }


def test_the_template_is_what_a_user_decides() -> None:
    template = _read(PRESETS / "your-images.yaml")
    assert set(template) == {"run", "preset", "shards", "dataset", "attention"}
    assert len([line for line in yaml.safe_dump(template).splitlines() if not line.endswith(":")]) <= 12
    config = parse(Config, layered([PRESETS / "your-images.yaml"]), "your-images")
    assert (config.preset, config.segmenter.training.resize) == ("photographs", 500)


def test_quick_is_what_was_measured() -> None:
    ours, measured = (_read(PRESETS / f"{name}.yaml") for name in ("quick", "voc-animals-quick"))
    for values in (ours, measured):
        for key in ("run", "preset", "shards"):
            values.pop(key, None)
        assert values["segmenter"]["backbone"]["weights"] == "attention"
        assert "efficientnet_lite0" in values["attention"]["backbone"].pop("weights")
    assert ours == measured


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_method_changes_the_attention_alone(name: str) -> None:
    below = laid(_read(ROOT / "config.yaml"), _read(PRESETS / "voc.yaml"))
    before = parse(Config, below, "voc").stages()
    if name == "voc-oaa-drop":
        below = laid(below, _read(PRESETS / "voc-oaa.yaml"))
    after = parse(Config, laid(below, _read(PRESETS / f"{name}.yaml")), name).stages()
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert "attention-train" in changed
    assert changed <= {"attention-train", "attention-accumulate", "attention-maps"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_changes_no_more_than_it_says(name: str) -> None:
    overlay = _read(PRESETS / f"{name}.yaml")
    base = _read(PRESETS / "voc-animals.yaml" if name.startswith("voc-animals") else ROOT / "config.yaml")
    before, after = (parse(Config, values, name).stages() for values in (base, laid(base, overlay)))
    changed = {stage for stage in before if before[stage] != after[stage]}
    assert changed == OVERLAYS[name]


def test_animal_lists_name_every_image_once() -> None:
    train, val = (
        (PRESETS / "voc-animals" / f"{split}.txt").read_text(encoding="utf-8").split()
        for split in ("train", "val")
    )
    assert (len(train), len(val)) == (1206, 247)
    assert len({*train, *val}) == 1206 + 247


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_profile_holds_options_that_snakemake_knows(name: str) -> None:
    known = {
        option.removeprefix("--")
        for action in get_argument_parser()._actions
        for option in action.option_strings
    }
    profile = _read(ROOT / "profiles" / name / "profile.yaml")
    assert set(profile) <= known
    assert profile["rerun-incomplete"] is True
    assert profile["nolock"] is True


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_profile_asks_the_same_for_rules_made_of_others(name: str) -> None:
    """Snakemake looks a rule's resources and group up by its own name, not by that of the rule it was made of."""
    profile = _read(ROOT / "profiles" / name / "profile.yaml")
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    derived = re.findall(r"^use rule (\w+) as (\w+) with:", text, re.MULTILINE)
    assert len(derived) >= 2
    for part in ("set-resources", "groups"):
        given = profile.get(part, {})
        assert set(given) <= set(re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", text, re.MULTILINE))
        for origin, rule in derived:
            assert given.get(rule) == given.get(origin)


def test_profile_is_found_beside_the_snakefile() -> None:
    assert not (ROOT / "profiles").is_symlink()  # a ZIP or a checkout on Windows would lose the link
    assert (ROOT / "profiles" / "default" / "profile.yaml").is_file()
