"""Configuration: refused, not repaired; each stage sees its own section; the schema is in step."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from weakseg.config import Config, CrfConfig, DatasetConfig, Section, parse, read_stage, schema
from weakseg.errors import InputError

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


def nested(path: str, value: Any) -> dict[str, Any]:
    """`a.b: value` as nested dictionaries."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def refusal(path: str, value: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse(Config, nested(path, value), "config.yaml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config.yaml: ")
    return str(caught.value)


# ------------------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("shard", "shards"),
        ("atention", "attention"),
        ("attention.trainig", "training"),
        ("attention.training.learning_rat", "learning_rate"),
        ("proxy.refine.crf.iteration", "iterations"),
        ("dataset.voc.skip_dificult", "skip_difficult"),
        ("dataset.classses", "classes"),
    ],
)
def test_unknown_key_suggests_the_nearest(wrong: str, near: str) -> None:
    assert refusal(wrong, 1) == f"config.yaml: unknown key '{wrong}'; did you mean '{near}'?"


def test_unknown_key_near_to_none_lists_what_is_known() -> None:
    sentence = refusal("dataset.demo.qqq", 1)
    assert (
        sentence
        == "config.yaml: unknown key 'dataset.demo.qqq'; known here: seed, train, val, saliency, size."
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shards", "many"),
        ("shards", "3"),
        ("shards", True),
        ("shards", 2.5),
        ("shards", None),
        ("shards", [2]),
        ("run", 3),
        ("proxy", None),
        ("proxy.rule", "tresholds"),
        ("attention.training.learning_rate", "fast"),
        ("attention.training.learning_rate", True),
        ("attention.training.flip", "yes"),
        ("attention.training.resize", "384"),
        ("attention.training.resize", False),
        ("attention.training.scales", [1.0]),
        ("attention.maps.scales", 1.0),
        ("dataset.classes", "cat"),
        ("dataset.classes", [1]),
        ("dataset.table.lists", {"trian": "x.txt"}),
    ],
)
def test_ill_typed_value(path: str, value: Any) -> None:
    sentence = refusal(path, value)
    assert f"'{path}" in sentence
    assert "found" in sentence


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shards", 0),
        ("shards", 10_001),
        ("run", "../up"),
        ("run", ""),
        ("run", ".hidden"),
        ("attention.training.iterations", 0),
        ("attention.training.learning_rate", 0),
        ("attention.training.learning_rate", -1e-3),
        ("attention.training.learning_rate", float("nan")),
        ("attention.training.weight_decay", float("inf")),
        ("attention.training.momentum", 1.0),
        ("attention.training.scales", [0.0, 1.0]),
        ("attention.maps.scales", []),
        ("proxy.threshold.saliency_low", 1.01),
        ("proxy.threshold.saliency_low", -0.01),
        ("proxy.refine.label_confidence", 1.0),
        ("proxy.refine.crf.iterations", 0),
        ("dataset.demo.size", 63),
        ("dataset.classes", ["a|b"]),
        ("dataset.classes", ["a/b"]),
        ("dataset.classes", [""]),
        ("dataset.classes", [f"c{number}" for number in range(255)]),
    ],
)
def test_value_out_of_bounds(path: str, value: Any) -> None:
    assert f"'{path}" in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        ("attention.training.scales", [1.3, 0.7], "'attention.training': scales must be [smallest, largest]"),
        ("dataset.classes", ["a", "a"], "'dataset': class names must differ, found ['a', 'a']"),
        ("dataset.table.all_classes", ["a", "a"], "'dataset': class names must differ, found ['a', 'a']"),
        ("dataset.source", "table", "'dataset': dataset.source 'table' needs dataset.classes"),
    ],
)
def test_values_that_do_not_go_together(path: str, value: Any, part: str) -> None:
    assert part in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shards", 10_000),
        ("attention.training.learning_rate", 1),
        ("attention.training.resize", None),
        ("proxy.threshold.saliency_low", 0),
        ("proxy.threshold.saliency_low", 1.0),
        ("dataset.demo.size", 64),
        ("dataset.classes", [f"c{number}" for number in range(254)]),
        ("dataset.classes", ["potted plant", "Möwe"]),
    ],
)
def test_value_at_its_bound_is_good(path: str, value: Any) -> None:
    found: Any = parse(Config, nested(path, value), "config.yaml")
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value


def test_exponent_that_yaml_reads_as_text() -> None:
    values = yaml.safe_load("attention: {training: {learning_rate: 1e-3}}")
    assert values["attention"]["training"]["learning_rate"] == "1e-3"
    assert parse(Config, values, "config.yaml").attention.training.learning_rate == 0.001


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(InputError, match=r"'run'.*; .*'shard'"):
        parse(Config, {"shard": 2, "run": 7}, "config.yaml")


# ---------------------------------------------------------------------------------------------- stages


CHANGES = [
    ("run", "other", set()),
    ("shards", 5, set()),
    ("dataset.demo.seed", 1, {"dataset"}),
    ("dataset.voc.root", "elsewhere", set()),  # not the chosen source
    ("saliency.small.training.iterations", 7, {"saliency"}),
    ("saliency.onnx.size", 64, set()),
    ("saliency.method", "unsupervised", {"saliency"}),
    ("saliency.srm.stages", 2, set()),
    ("attention.training.learning_rate", 0.5, {"attention-accumulate", "attention-train"}),
    ("attention.seenet.thresholds", "release", {"attention-train"}),
    ("attention.backbone.weights", "none", {"attention-accumulate", "attention-train"}),
    ("attention.method", "spg", {"attention-train"}),
    ("attention.spg.thresholds", "vgg", set()),  # not the chosen method
    ("attention.maps.flip", False, {"attention-maps"}),
    ("proxy.threshold.rescue", 0.9, {"proxy-fuse"}),
    ("proxy.oaa.floor", 0.1, set()),
    ("proxy.rule", "oaa", {"proxy-fuse"}),
    ("proxy.refine.crf.preset", "oaa", {"proxy-refine"}),
    ("proxy.refine.crf.bilateral_sxy", 7.0, {"proxy-refine"}),
    ("proxy.refine.confidence", 0.5, {"proxy-refine"}),
    ("segmenter.training.learning_rate", 0.5, {"segmenter-train"}),
    ("segmenter.labels", "masks", {"segmenter-train"}),
    ("segmenter.method", "fcn8s", {"segmenter-train"}),
    ("segmenter.fcn8s.width", 64, set()),  # not the chosen method
    ("segmenter.loss", "symmetric", {"segmenter-train"}),
    ("segmenter.balance", "foreground", {"segmenter-train"}),
    ("segmenter.rounds", 2, set()),  # more of the same
    ("segmenter.prediction.scales", [0.5], {"segmenter-predict"}),
    ("segmenter.prediction.crf.preset", "oaa", {"segmenter-refine"}),
    ("detector.least_region", 0.1, set()),  # the rule's option
    ("detector.training.learning_rate", 0.5, {"detector-train"}),
    ("detector.anchors", [7, 9], {"detector-train"}),
    ("detector.prediction.least_score", 0.5, {"detector-predict"}),
    ("evaluation.sample", 1, {"evaluation"}),
    ("evaluation.boxes", "boxes.csv", {"evaluation-boxes"}),
    ("evaluation.ceiling", "full", set()),  # the rule's input
    ("supervision.files", {"a.onnx": {"data": "MSRA-B masks"}}, {"supervision"}),
]


@pytest.mark.parametrize(("path", "value", "stages"), CHANGES)
def test_a_change_reaches_only_its_stage(path: str, value: Any, stages: set[str]) -> None:
    before = Config().stages()
    after = parse(Config, nested(path, value), "config.yaml").stages()
    assert {name for name in before if before[name] != after[name]} == stages


def test_size_of_the_maps_trains_no_network_anew() -> None:
    def stage(size: int) -> Any:
        values = {"saliency": {"method": "srm", "srm": {"size": size}}}
        return parse(Config, values, "config.yaml").stages()["saliency"]

    assert stage(100) == stage(200)
    assert set(Config().stages()["saliency"]) == {"method", "small"}  # runs of before are not made anew


@pytest.mark.parametrize(
    ("section", "training", "maps"),
    [
        ({}, {}, {}),
        ({"method": "unsupervised"}, {}, {}),
        ({"method": "onnx", "onnx": {"file": "u.onnx"}}, {}, {"saliency.onnx.file": "u.onnx"}),
        ({"method": "folder", "folder": {"folder": "pngs"}}, {}, {"saliency.folder.folder": "pngs"}),
        ({"method": "srm"}, {}, {}),
        ({"method": "srm", "srm": {"trained": "w.pt"}}, {}, {"saliency.srm.trained": "w.pt"}),
        (
            {"method": "rcrnet", "rcrnet": {"backbone": {"weights": "r.pth"}, "data": {"source": "folder"}}},
            {
                "saliency.rcrnet.backbone.weights": "r.pth",
                "saliency.rcrnet.data.images": "images",
                "saliency.rcrnet.data.masks": "masks",
            },
            {},
        ),
        (
            {"method": "rcrnet_video", "rcrnet_video": {"start": "i.pt", "data": {"source": "davis"}}},
            {"saliency.rcrnet_video.start": "i.pt", "saliency.rcrnet_video.data.davis": "davis"},
            {},
        ),
    ],
)
def test_files_outside_of_the_run_are_told(section: Any, training: Any, maps: Any) -> None:
    saliency = parse(Config, {"saliency": section}, "config.yaml").saliency
    assert saliency.training_reads() == training
    assert saliency.maps_read() == maps


def test_a_partly_given_training_keeps_its_methods_defaults() -> None:
    values = nested("saliency.srm.training.iterations", 5)
    training = parse(Config, values, "config.yaml").saliency.srm.training
    assert (training.scales, training.crop, training.flip, training.color_jitter) == (
        (1.0, 1.0),
        353,
        True,
        0.0,
    )


def test_every_stage_is_reached_by_some_change() -> None:
    assert set().union(*(stages for _, _, stages in CHANGES)) == set(Config().stages())


def test_settings_without_the_newer_knobs_are_written_as_before_them() -> None:
    """A run that was finished before they came must not be made anew."""
    written = Config().model_dump(mode="json")["segmenter"]
    assert list(written) == ["method", "labels", "backbone", "largefov", "training", "prediction"]
    assert list(Config().stages()["segmenter-train"]) == [
        "method",
        "labels",
        "backbone",
        "largefov",
        "training",
    ]
    changed = parse(Config, nested("segmenter", {"loss": "symmetric", "rounds": 3}), "config.yaml")
    again = parse(Config, changed.model_dump(mode="json"), "run.json")
    assert again == changed


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"backbone": {"architecture": "inception_v3"}}, "largefov stands on vgg16 or vgg_small"),
        ({"method": "deeplab_v2"}, "backbone.architecture is vgg16; deeplab_v2 stands on resnet50"),
        ({"method": "fcn8s", "backbone": {"architecture": "alexnet"}}, "fcn8s stands on vgg16 or vgg_small"),
        ({"rounds": 2, "labels": "masks"}, "only proxy labels are remade"),
        (
            {
                "method": "deeplab_v3",
                "backbone": {"architecture": "resnet50"},
                "training": {"batch_size": 1},
            },
            "gives each process 1; deeplab_v3 normalises over its share",
        ),
        (
            {
                "method": "deeplab_v3",
                "backbone": {"architecture": "resnet50"},
                "training": {"batch_size": 4, "processes": 2, "nodes": 2},
            },
            "gives each process 1; deeplab_v3 normalises over its share",
        ),
    ],
)
def test_segmenters_that_cannot_be(values: dict[str, Any], part: str) -> None:
    assert part in refusal("segmenter", values)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"backbone": {"architecture": "alexnet"}}, "a detector stands on vgg16, vgg_small, resnet50"),
        (
            {"backbone": {"architecture": "resnet50"}, "anchors": [16, 32, 64, 128]},
            "anchors has 4 sides; resnet50 has 5 feature maps",
        ),
        ({"anchors": []}, "at least 1 item"),
        ({"anchors": [2]}, "greater than or equal to 4"),
        ({"prediction": {"most": 101}}, "less than or equal to 100"),
    ],
)
def test_detectors_that_cannot_be(values: dict[str, Any], part: str) -> None:
    assert part in refusal("detector", values)


def test_rcrnet_needs_two_images_in_each_process() -> None:
    assert "gives each process 1; the pyramid" in refusal("saliency.rcrnet.training.processes", 8)


@pytest.mark.parametrize("room", ["attention", "segmenter", "detector"])
def test_vgg_small_has_no_published_weights(room: str) -> None:
    for weights in ("IMAGENET1K_V1", "vgg16.npz"):
        values = {"architecture": "vgg_small", "weights": weights}
        assert f"weights is {weights}, but nobody published any" in refusal(f"{room}.backbone", values)


def test_attention_refuses_the_segmenters_backbones() -> None:
    assert "an attention network stands on" in refusal("attention.backbone.architecture", "resnet50")


def test_stages_are_plain_values_that_read_back(tmp_path: Path) -> None:
    path = tmp_path / "stage.json"
    config = parse(Config, nested("proxy.refine.crf.iterations", 3), "config.yaml")
    stages = config.stages()
    assert json.loads(json.dumps(stages)) == stages
    path.write_text(json.dumps(stages["dataset"]))
    assert read_stage(path, DatasetConfig) == config.dataset
    path.write_text(json.dumps(stages["proxy-refine"]["crf"]))
    assert read_stage(path, CrfConfig).iterations == 3


@pytest.mark.parametrize(
    ("content", "part"),
    [(None, "cannot be read"), (b"{", "is not JSON"), (b"\xff", "is not JSON"), (b"[]", "valid dictionary")],
)
def test_stage_file_that_is_wrong(tmp_path: Path, content: bytes | None, part: str) -> None:
    path = tmp_path / "stage.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=part) as caught:
        read_stage(path, DatasetConfig)
    assert str(path) in str(caught.value)


# ----------------------------------------------------------------------------------- files in the house


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
    bare = copy.deepcopy(values)
    if preset is not None:
        update_config(values, yaml.safe_load(preset.read_text(encoding="utf-8")))  # Snakemake's own merge
        assert values != bare
    parse(Config, values, str(preset))
