"""What cannot be is refused in one sentence, not repaired."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.settings.reading import parse


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
def test_unknown_key_suggests_the_nearest(refusal: Callable[[str, Any], str], wrong: str, near: str) -> None:
    assert refusal(wrong, 1) == f"config.yaml: unknown key '{wrong}'; did you mean '{near}'?"


def test_unknown_key_near_to_none_lists_what_is_known(refusal: Callable[[str, Any], str]) -> None:
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
def test_ill_typed_value(refusal: Callable[[str, Any], str], path: str, value: Any) -> None:
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
def test_value_out_of_bounds(refusal: Callable[[str, Any], str], path: str, value: Any) -> None:
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
def test_values_that_do_not_go_together(
    refusal: Callable[[str, Any], str], path: str, value: Any, part: str
) -> None:
    assert part in refusal(path, value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("shards", 10_000),
        ("attention.training.learning_rate", 1),
        ("attention.training.resize", None),
        ("proxy.threshold.saliency_low", 0),
        ("proxy.threshold.saliency_high", 1.0),
        ("dataset.demo.size", 64),
        ("dataset.classes", [f"c{number}" for number in range(254)]),
        ("dataset.classes", ["potted plant", "Möwe"]),
    ],
)
def test_value_at_its_bound_is_good(given: Callable[[str, Any], Config], path: str, value: Any) -> None:
    found: Any = given(path, value)
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


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (
            {"backbone": {"architecture": "inception_v3"}},
            "largefov stands on vgg16, vgg_small, resnet50, ",
        ),
        ({"method": "deeplab_v2"}, "backbone.architecture is vgg16; deeplab_v2 stands on resnet50"),
        ({"method": "fcn8s", "backbone": {"architecture": "alexnet"}}, "fcn8s stands on vgg16, vgg_small"),
        (
            {"backbone": {"architecture": "vgg16", "weights": "none", "frozen_normalization": True}},
            "frozen_normalization is true, but weights is none",
        ),
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
def test_segmenters_that_cannot_be(
    refusal: Callable[[str, Any], str], values: dict[str, Any], part: str
) -> None:
    assert part in refusal("segmenter", values)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"backbone": {"architecture": "alexnet"}}, "detector stands on vgg16, vgg_small, resnet50"),
        (
            {"backbone": {"architecture": "resnet50"}, "anchors": [16, 32, 64, 128]},
            "anchors has 4 sides; resnet50 has 5 feature maps",
        ),
        ({"anchors": []}, "at least 1 item"),
        ({"anchors": [2]}, "greater than or equal to 4"),
        ({"prediction": {"most": 101}}, "less than or equal to 100"),
    ],
)
def test_detectors_that_cannot_be(
    refusal: Callable[[str, Any], str], values: dict[str, Any], part: str
) -> None:
    assert part in refusal("detector", values)


def test_rcrnet_needs_two_images_in_each_process(refusal: Callable[[str, Any], str]) -> None:
    assert "gives each process 1; the pyramid" in refusal("saliency.rcrnet.training.processes", 8)


@pytest.mark.parametrize("room", ["attention", "segmenter", "detector"])
def test_vgg_small_has_no_published_weights(refusal: Callable[[str, Any], str], room: str) -> None:
    for weights in ("IMAGENET1K_V1", "vgg16.npz"):
        values = {"architecture": "vgg_small", "weights": weights}
        said = refusal(f"{room}.backbone", values)
        assert f"weights is {weights}, but there are no published weights of vgg_small" in said


def test_attention_refuses_the_segmenters_backbones(refusal: Callable[[str, Any], str]) -> None:
    assert "seenet stands on" in refusal("attention.backbone.architecture", "resnet50")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (
            {"method": "folder", "maps": {"source": "gradcam"}},
            "maps.source is gradcam, but method folder has no classifier; leave it out",
        ),
        (
            {"method": "folder", "stride": 8},
            "stride is 8, but method folder trains no network; leave it out",
        ),
        (
            {"method": "oaa", "maps": {"read_out": "sigmoid"}},
            "maps.read_out is sigmoid, but only oaa_plus's own maps are read out in several ways; leave it out",
        ),
        (
            {"method": "oaa_plus", "maps": {"read_out": "sigmoid", "source": "gradcam"}},
            "maps.read_out is sigmoid, but only oaa_plus's own maps are read out in several ways; leave it out",
        ),
        (
            {"method": "spg", "spg": {"guided": False, "thresholds": "vgg"}},
            "spg.thresholds is vgg, but spg.guided is false: no mask is made; leave it out",
        ),
    ],
)
def test_attention_refuses_what_nothing_reads(
    refusal: Callable[[str, Any], str], values: dict[str, Any], part: str
) -> None:
    assert refusal("attention", values) == f"config.yaml: 'attention': {part}"


@pytest.mark.parametrize(
    "values",
    [
        {"method": "oaa_plus", "maps": {"read_out": "sigmoid"}},
        {"method": "spg", "spg": {"thresholds": "vgg"}},
        {"method": "cam", "stride": 8, "maps": {"source": "gradcam"}},
    ],
)
def test_attention_takes_what_is_read(given: Callable[[str, Any], Config], values: dict[str, Any]) -> None:
    given("attention", values)


IGNORED = [
    (
        "proxy.refine.crf",
        {"preset": "deeplab", "iterations": 1},
        "iterations is 1, but preset deeplab has 10",
    ),
    ("proxy.refine.crf", {"preset": "oaa", "iterations": 10}, "iterations is 10, but preset oaa has 1"),
    ("proxy.refine.crf.bilateral_sxy", 7.0, "bilateral_sxy is 7, but preset irn has 50"),
    (
        "segmenter.prediction.crf",
        {"preset": "afa", "gaussian_weight": 1},
        "preset afa has 3 and takes no other",
    ),
    ("proxy.refine", {"enabled": False, "confidence": 0.9}, "confidence is 0.9, but enabled is false"),
    ("proxy.refine", {"enabled": False, "label_confidence": 0.5}, "set label_confidence to 0.7, or enabled"),
    (
        "proxy.threshold",
        {"saliency_low": 0.5, "saliency_high": 0.4},
        "saliency_high 0.4, which then decides nothing",
    ),
    (
        "proxy.threshold",
        {"rescue": 0.7, "background_attention": 0.7},
        "pixels above rescue, 0.7, are objects",
    ),
]


@pytest.mark.parametrize(("path", "value", "part"), IGNORED)
def test_a_value_that_nothing_reads_is_refused(
    refusal: Callable[[str, Any], str], path: str, value: Any, part: str
) -> None:
    assert part in refusal(path, value)


def test_the_values_of_a_preset_may_be_told_beside_its_name(given: Callable[[str, Any], Config]) -> None:
    """As the settings of a stage do, and as YAML writes numbers."""
    crf = given(
        "proxy.refine.crf", {"preset": "deeplab", "bilateral_sxy": 67, "gaussian_sxy": "1e0"}
    ).proxy.refine.crf
    assert (crf.gaussian_sxy, crf.bilateral_srgb, crf.iterations) == (1, 3, 10)
    assert given("proxy.refine.crf", {"preset": "custom", "iterations": 3}).proxy.refine.crf.iterations == 3
