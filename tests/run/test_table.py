"""The table of a run: which stages a configuration asks for, and where their files lie."""

from pathlib import Path
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.run.entered import entered
from weakseg.run.stages import Stage
from weakseg.run.table import Table


def table(**sections: Any) -> Table:
    """The table of a configuration that sets these values."""
    small = {"architecture": "vgg_small", "weights": "none"}
    values: dict[str, Any] = {
        "run": "mine",
        "attention": {"backbone": small},
        "segmenter": {"backbone": small},
    }
    for name, given in sections.items():
        values[name] = values.get(name, {}) | given if isinstance(given, dict) else given
    return Table(Config.model_validate(values))


def names(stages: list[Stage]) -> list[str]:
    return [stage.name for stage in stages]


def test_stages_stand_in_the_order_of_the_chain() -> None:
    assert names(table().of("all")) == [
        "dataset_index",
        "saliency_train",
        "saliency_maps",
        "attention_train",
        "attention_maps",
        "proxy_fuse",
        "proxy_refine",
        "segmenter_train",
        "segmenter_predict",
        "segmenter_refine",
        "segmenter_weights",
    ]


@pytest.mark.parametrize("method", ["seenet", "spg", "oaa", "acol", "cam"])
def test_an_attention_method_trains_one_network(method: str) -> None:
    found = table(attention={"method": method})
    assert names([stage for stage in found.trainings() if stage.room == "attention"]) == ["attention_train"]


def test_oaa_plus_trains_two_networks_and_precomputed_maps_none() -> None:
    twice = table(attention={"method": "oaa_plus"})
    assert [str(stage.weights) for stage in twice.trainings() if stage.room == "attention"] == [
        "results/mine/attention/accumulated/weights.pt",
        "results/mine/attention/weights.pt",
    ]
    folder = table(attention={"method": "folder", "folder": {"folder": "clip"}})
    assert "attention_train" not in folder
    assert entered(folder).outside == {"attention": Path("clip")}


@pytest.mark.parametrize(
    ("saliency", "trains"),
    [
        ({"method": "small"}, True),
        ({"method": "srm", "srm": {"backbone": {"weights": "none"}}}, True),
        ({"method": "rcrnet", "rcrnet": {"backbone": {"weights": "none"}}}, True),
        ({"method": "rcrnet_video", "rcrnet_video": {"backbone": {"weights": "none"}}}, True),
        ({"method": "srm", "srm": {"trained": "weights.pt"}}, False),
        ({"method": "unsupervised"}, False),
        ({"method": "onnx", "onnx": {"file": "net.onnx"}}, False),
        ({"method": "folder", "folder": {"folder": "maps"}}, False),
    ],
)
def test_saliency_is_trained_where_its_method_trains(saliency: dict[str, Any], trains: bool) -> None:
    found = table(saliency=saliency)
    assert ("saliency_train" in found) == trains
    assert found["saliency_maps"].shard_files == [
        Path(f"results/mine/saliency/maps/shard-{part}-of-2.h5") for part in (1, 2)
    ]


def test_the_ledger_lists_what_entered() -> None:
    unsupervised = entered(table(saliency={"method": "unsupervised"}))
    assert unsupervised.unsupervised == ["saliency"]
    assert list(unsupervised.weights) == ["attention", "segmenter"]
    assert entered(table(saliency={"method": "srm", "srm": {"trained": "other.pt"}})).weights[
        "saliency"
    ] == Path("other.pt")
    onnx = entered(table(saliency={"method": "onnx", "onnx": {"file": "net.onnx"}}))
    assert onnx.files[-1] == Path("net.onnx")
    assert entered(table(segmenter={"labels": "masks"})).files == [Path("results/mine/segmenter/weights.pt")]


def test_every_round_lies_in_its_folder_and_is_scored() -> None:
    found = table(segmenter={"rounds": 2})
    assert [str(stage.folder) for stage in found.trainings() if stage.room == "segmenter"] == [
        "results/mine/segmenter/round-1",
        "results/mine/segmenter/round-2",
    ]
    assert [(score.name, score.split) for _, score in found.scored()] == [
        ("attention", "train"),
        ("fused", "train"),
        ("refined", "train"),
        ("segmenter", "val"),
        ("segmenter-crf", "val"),
        ("relabelled-2", "train"),
        ("segmenter-2", "val"),
        ("segmenter-crf-2", "val"),
    ]
    assert found.last.score is not None and found.last.score.title == "segmenter with CRF, round 2"
    assert found.label_files_for(1) == found["proxy_refine"].files
    assert found.label_files_for(2) == found["segmenter_relabel-2"].files
    assert [str(path) for path in found["segmenter_predict-2"].benchmarks] == [
        f"results/mine/benchmarks/segmenter_predict/round-2/{part}-of-2.tsv" for part in (1, 2)
    ]


def test_a_run_on_masks_asks_for_nothing_weak() -> None:
    found = table(segmenter={"labels": "masks"})
    assert {stage.room for stage in found.of("all")} == {"dataset", "segmenter"}
    assert [score.name for _, score in found.scored()] == ["segmenter", "segmenter-crf"]
    assert found.label_files_for(1) == []
    assert "proxy_refine" in names(found.of("proxies"))
    started = table(
        segmenter={"labels": "masks", "backbone": {"architecture": "vgg_small", "weights": "attention"}}
    )
    assert names(started.trainings()) == ["attention_train", "segmenter_train"]


def test_a_target_keeps_its_stages_and_their_scores() -> None:
    found = table()
    kept = {str(path.relative_to(found.folder)) for path in found.kept("proxies")}
    assert {
        "attention/maps/shard-1-of-2.csv",
        "proxy/refined/shard-2-of-2.csv",
        "evaluation/refined.json",
    } <= kept
    assert not [path for path in kept if path.startswith("segmenter")]
    boxes = {str(path.relative_to(found.folder)) for path in found.kept("detector")}
    assert {"proxy/boxes.json", "detector/weights.pt", "detector/boxes/shard-1-of-2.json"} <= boxes
