"""`weakseg segmenter predict`, `refine` and `relabel` of a network whose cells lie over the middle of their pixels."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from click.testing import Result

from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.segmenter.network import make
from weakseg.segmenter.networks import NETWORKS
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import ShardReader
from weakseg.storage.weights import Weights, save_weights

Invoke = Callable[..., Result]
PREDICT = {"scales": [1.0], "flip": True, "precision": "fp32"}
CRF = {"preset": "custom", "iterations": 1}


@pytest.fixture
def stage(table_data: Path, tmp_path: Path) -> Path:
    """A folder with index, settings and the weights of an untrained FCN-8s that sees all classes somewhere."""
    records = [
        Record(name, table_data / "images" / f"{name}.jpg", "train", labels, None)
        for name, labels in (("a", ("cat",)), ("b", ("dog",)), ("d", ()))
    ]
    write_index(tmp_path, Index(tuple(records), ("cat", "dog"), (0, 1, 2)))
    refine = {"enabled": False}
    for name, values in (("predict", PREDICT), ("crf", {"crf": CRF}), ("refine", refine)):
        (tmp_path / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")
    torch.manual_seed(0)
    network = make(NETWORKS["fcn8s"](width=16), "vgg_small", 2)
    torch.nn.init.normal_(network.score.weight, std=1.0)  # type: ignore[union-attr, arg-type]
    settings = {"method": "fcn8s", "backbone": {"architecture": "vgg_small"}, "fcn8s": {"width": 16}}
    save_weights(
        tmp_path / "weights.pt", Weights("segmenter", network.state_dict(), settings, ["cat", "dog"])
    )
    return tmp_path


def data(stage: Path) -> list[object]:
    return ["--index", stage / "index.csv", "--classes", stage / "classes.csv", "--shard", "1-of-1"]


def test_scores_say_where_their_cells_lie(stage: Path, invoke: Invoke) -> None:
    done = invoke(
        *("segmenter", "predict", "--config", stage / "predict.json", *data(stage), "--split", "train"),
        *("--weights", stage / "weights.pt", "--labels", stage / "plain", "--out", stage / "scores.h5"),
    )
    assert done.exit_code == 0, done.output
    with h5py.File(stage / "scores.h5") as file:
        assert (file.attrs["stride"], file.attrs["aligned"]) == (8, "centres")
        assert file["a/cat"].shape == (3, 4)  # of 24×32 pixels
    assert ShardReader([stage / "scores.h5"]).attribute("aligned") == "centres"
    assert read_labels(stage / "plain" / "a.png").shape == (24, 32)


def test_the_next_rounds_labels_name_only_the_images_classes(stage: Path, invoke: Invoke) -> None:
    done = invoke(
        *("segmenter", "relabel", "--config", stage / "predict.json", "--refine", stage / "refine.json"),
        *(
            *data(stage),
            "--weights",
            stage / "weights.pt",
            "--labels",
            stage / "next",
            "--out",
            stage / "next.csv",
        ),
    )
    assert done.exit_code == 0, done.output
    found = {name: set(np.unique(read_labels(stage / "next" / f"{name}.png"))) for name in ("a", "b", "d")}
    assert found["a"] in ({0, 1}, {1}, {255}), (
        "without the CRF no pixel has a CRF probability below `confidence`"
    )
    assert found["b"] in ({0, 2}, {2}, {255})
    assert found["d"] == {0}
    with (stage / "next.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["a", "b", "d"]
    assert set(rows[0]) == {"id", "undecided", "foreground", "missing", "digest"}
    assert {row["id"]: row["missing"] for row in rows} == {
        name: label if classes == {255} else ""
        for (name, classes), label in zip(found.items(), ("cat", "dog", ""), strict=True)
    }


def test_a_class_that_the_segmenter_does_not_find_is_not_learnt_as_background(
    stage: Path, invoke: Invoke
) -> None:
    network = make(NETWORKS["fcn8s"](width=16), "vgg_small", 2)
    network.score.bias.data[:] = torch.tensor([9.0, 0.0, 0.0])  # type: ignore[union-attr, index]
    settings = {"method": "fcn8s", "backbone": {"architecture": "vgg_small"}, "fcn8s": {"width": 16}}
    save_weights(stage / "weights.pt", Weights("segmenter", network.state_dict(), settings, ["cat", "dog"]))
    said = {}
    for name in ("undecided", "background"):
        (stage / "refine.json").write_text(json.dumps({"missing_class": name}), encoding="utf-8")
        done = invoke(
            *("segmenter", "relabel", "--config", stage / "predict.json", "--refine", stage / "refine.json"),
            *(*data(stage), "--weights", stage / "weights.pt"),
            *("--labels", stage / name, "--out", stage / "next.csv"),
        )
        assert done.exit_code == 0, done.output
        said[name] = done.output.splitlines()
    assert (read_labels(stage / "undecided" / "a.png") == 255).all()
    assert (read_labels(stage / "background" / "a.png") == 0).all()
    assert (read_labels(stage / "undecided" / "d.png") == 0).all(), "an image without any class"
    assert (
        "relabelled 3 images, 1 of them without a class and all background; in 2 of them a labelled class has no pixel "
        "(first: a)" in said["undecided"][0]
    )
    assert said["undecided"][1].startswith("weakseg: no class has a pixel in any of 2 label maps")


def test_only_the_crf_s_probability_makes_pixels_undecided(stage: Path, invoke: Invoke) -> None:
    found = []
    for enabled in (False, True):
        values = {"enabled": enabled, "confidence": 0.99 if enabled else 0.0, "crf": CRF}
        (stage / "refine.json").write_text(json.dumps(values), encoding="utf-8")
        done = invoke(
            *("segmenter", "relabel", "--config", stage / "predict.json", "--refine", stage / "refine.json"),
            *(*data(stage), "--weights", stage / "weights.pt"),
            *("--labels", stage / "next", "--out", stage / "next.csv"),
        )
        assert done.exit_code == 0, done.output
        found.append(read_labels(stage / "next" / "b.png"))
    without, refined = found
    assert 255 not in without
    assert (refined == 255).any()


def test_larger_images_are_shrunk_and_their_labels_are_not(stage: Path, invoke: Invoke) -> None:
    """24×32 pixels are seen as 12×16, by the network and by the CRF."""
    (stage / "predict.json").write_text(json.dumps(PREDICT | {"longest": 16}), encoding="utf-8")
    (stage / "crf.json").write_text(json.dumps({"crf": CRF, "longest": 16}), encoding="utf-8")
    (stage / "refine.json").write_text(json.dumps({"crf": CRF}), encoding="utf-8")
    weights = ("--weights", stage / "weights.pt")
    for command in (
        ("predict", "--config", stage / "predict.json", "--split", "train", *weights),
        ("refine", "--config", stage / "crf.json", "--split", "train", "--scores", stage / "predict.out"),
        ("relabel", "--config", stage / "predict.json", "--refine", stage / "refine.json", *weights),
    ):
        name, folder = command[0], stage / f"labels-{command[0]}"
        done = invoke("segmenter", *command, *data(stage), "--labels", folder, "--out", stage / f"{name}.out")
        assert done.exit_code == 0, done.output
        assert read_labels(folder / "a.png").shape == (24, 32)
    with h5py.File(stage / "predict.out") as file:
        assert file["a/cat"].shape == (2, 2)


def test_masks_that_no_image_has_are_one_sentence(stage: Path, invoke: Invoke) -> None:
    backbone = {"architecture": "vgg_small", "weights": "none"}
    (stage / "train.json").write_text(json.dumps({"labels": "masks", "backbone": backbone}), encoding="utf-8")
    with pytest.raises(InputError, match=r"segmenter\.labels is 'masks', but no training image has one"):
        invoke(
            *("segmenter", "train", "--config", stage / "train.json", *data(stage)[:4]),
            *("--state", stage / "state", "--out", stage / "out.pt"),
        )
