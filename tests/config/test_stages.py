"""Each stage sees its own section of the configuration and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.crf.settings import CrfConfig
from weakseg.dataset.settings import DatasetConfig
from weakseg.errors import InputError
from weakseg.settings.reading import parse, read_stage

CHANGES = [
    ("run", "other", set()),
    ("shards", 5, set()),
    ("dataset.demo.seed", 1, {"dataset"}),
    ("dataset.voc.root", "elsewhere", set()),  # not the chosen source
    ("saliency.small.training.iterations", 7, {"saliency-train"}),
    ("saliency.onnx.size", 64, set()),
    ("saliency.method", "unsupervised", {"saliency-train", "saliency-maps"}),
    ("saliency.srm.stages", 2, set()),
    ("saliency.flip", True, {"saliency-maps"}),
    ("attention.training.learning_rate", 0.5, {"attention-train"}),
    ("attention.seenet.thresholds", "release", {"attention-train"}),
    ("attention.backbone.weights", "none", {"attention-train"}),
    ("attention.method", "spg", {"attention-train"}),
    ("attention.spg.thresholds", "vgg", set()),  # not the chosen method
    ("attention.oaa.drop", True, set()),
    ("attention.method", "oaa_plus", {"attention-accumulate", "attention-train"}),  # it begins with oaa
    ("attention.schedule_of", "seenet", set()),  # a claim that is checked
    ("attention.maps.flip", False, {"attention-maps"}),
    ("proxy.threshold.rescue", 0.9, {"proxy-fuse"}),
    ("proxy.oaa.floor", 0.1, set()),
    ("proxy.rule", "oaa", {"proxy-fuse"}),
    ("affinity.method", "irn", {"affinity-train", "affinity-walk"}),
    ("affinity.walk.where", "undecided", set()),  # without a network nothing walks
    ("proxy.refine.crf.preset", "oaa", {"proxy-refine"}),
    ("proxy.refine.crf", {"preset": "custom", "bilateral_sxy": 7.0}, {"proxy-refine"}),
    ("proxy.refine.crf.longest", 512, {"proxy-refine"}),
    ("proxy.refine.missing_class", "background", {"proxy-refine"}),
    ("proxy.refine.confidence", 0.5, {"proxy-refine"}),
    ("segmenter.training.learning_rate", 0.5, {"segmenter-train"}),
    ("segmenter.labels", "masks", {"segmenter-train"}),
    ("segmenter.method", "fcn8s", {"segmenter-train"}),
    ("segmenter.fcn8s.width", 64, set()),  # not the chosen method
    ("segmenter.loss", "symmetric", {"segmenter-train"}),
    ("segmenter.balance", "foreground", {"segmenter-train"}),
    ("segmenter.rounds", 2, set()),  # more of the same
    ("segmenter.prediction.longest", 500, {"segmenter-predict", "segmenter-refine"}),
    ("segmenter.prediction.scales", [0.5], {"segmenter-predict"}),
    ("segmenter.prediction.crf.preset", "oaa", {"segmenter-refine"}),
    ("detector.least_region", 0.1, set()),  # the rule's option
    ("detector.training.learning_rate", 0.5, {"detector-train"}),
    ("detector.anchors", [7, 9], {"detector-train"}),
    ("detector.prediction.least_score", 0.5, {"detector-predict"}),
    ("evaluation.sample", 1, {"evaluation"}),
    ("evaluation.boxes", "boxes.csv", {"evaluation-boxes"}),
    ("evaluation.ceiling", "full", set()),  # the rule's input
    ("health.most_missing", 0.2, {"health"}),
    ("supervision.files", {"a.onnx": {"data": "MSRA-B masks"}}, {"supervision"}),
]


@pytest.mark.parametrize(("path", "value", "stages"), CHANGES)
def test_a_change_reaches_only_its_stage(
    given: Callable[[str, Any], Config], path: str, value: Any, stages: set[str]
) -> None:
    before = Config().stages()
    after = given(path, value).stages()
    changed = {name for name in before if before[name] != after[name]}
    assert (
        changed - ({"health"} - stages) == stages
    )  # health advises what to change, and so knows more values


def test_size_of_the_maps_trains_no_network_again() -> None:
    def stages(size: int) -> Any:
        values = {"saliency": {"method": "srm", "srm": {"size": size}}}
        return parse(Config, values, "config.yaml").stages()

    assert stages(100)["saliency-train"] == stages(200)["saliency-train"]
    assert stages(100)["saliency-maps"] != stages(200)["saliency-maps"]


@pytest.mark.parametrize(
    ("section", "training", "maps"),
    [
        ({}, {}, {}),
        ({"method": "unsupervised"}, {}, {}),
        ({"method": "onnx", "onnx": {"file": "u.onnx"}}, {}, {"saliency.onnx.file": "u.onnx"}),
        ({"method": "folder", "folder": {"folder": "pngs"}}, {}, {"saliency.folder.folder": "pngs"}),
        ({"method": "srm"}, {"saliency.srm.backbone.weights": "IMAGENET1K_V1"}, {}),
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


def test_a_partly_given_training_keeps_its_methods_defaults(given: Callable[[str, Any], Config]) -> None:
    training = given("saliency.srm.training.iterations", 5).saliency.srm.training
    assert (training.scales, training.crop, training.flip, training.color_jitter) == (
        (1.0, 1.0),
        353,
        True,
        0.0,
    )


def test_lines_hold_every_value_under_its_key(given: Callable[[str, Any], Config]) -> None:
    lines = Config().lines()
    assert "proxy.refine.crf.iterations: 10" in lines
    assert len({line.partition(": ")[0] for line in lines}) == len(lines)
    assert set(given("dataset.classes", ["a", "é"]).lines()) - set(lines) == {'dataset.classes: ["a", "é"]'}


def test_every_stage_is_reached_by_some_change() -> None:
    assert set().union(*(stages for _, _, stages in CHANGES)) == set(Config().stages())


def test_what_is_written_reads_back_the_same(given: Callable[[str, Any], Config]) -> None:
    changed = given("segmenter", {"loss": "symmetric", "rounds": 3})
    assert parse(Config, changed.model_dump(mode="json"), "run.json") == changed


def test_stages_are_plain_values_that_read_back(given: Callable[[str, Any], Config], tmp_path: Path) -> None:
    path = tmp_path / "stage.json"
    config = given("proxy.refine.crf", {"preset": "custom", "iterations": 3})
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
