"""`weakseg detector train` and `predict` on six small images, and finding boxes in images of any size."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from weakseg.attention.networks.seenet import SeeNet, SeeNetSettings
from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.detector.network import Detector, load
from weakseg.detector.predict import Found, coco_results, find_boxes
from weakseg.detector.settings import BoxPredictionConfig, DetectorConfig
from weakseg.errors import InputError
from weakseg.storage.weights import Weights, load_weights, save_weights

NAMES = ["bird", "cat", "dog"]
SMALL: dict[str, Any] = {"stride": 8, "anchors": [8, 16], "channels": 16, "width": 32, "proposals": 32}
TRAINING = {
    "iterations": 3,
    "batch_size": 2,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "warmup": 0,
    "crop": 40,
    "resize": 40,
    "scales": [0.8, 1.0],
    "precision": "fp32",
    "workers": 0,
}
FIND: dict[str, Any] = {"size": 48, "least_score": 0.0, "overlap": 0.5, "most": 7, "precision": "fp32"}


def run(*arguments: object) -> Result:
    """Run `weakseg`; what it raises is raised here too."""
    return CliRunner().invoke(weakseg, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def stage(table_data: Path) -> Path:
    """A folder with index, settings, an attention network's weights and the boxes of the masks, as if of proxies."""
    with (table_data / "labels.csv").open(encoding="utf-8") as file:
        rows = [(row["image"][0], row["labels"], row["split"]) for row in csv.DictReader(file)]
    records = [
        Record(name, table_data / "images" / f"{name}.jpg", split, tuple(labels.split("|")), None)
        for name, labels, split in rows
    ]
    write_index(table_data, Index(tuple(records), tuple(NAMES), (0, 1, 2, 3)))
    configure(table_data)
    (table_data / "predict.json").write_text(json.dumps(FIND), encoding="utf-8")
    torch.manual_seed(5)
    state = SeeNet("vgg_small", 3, SeeNetSettings()).state_dict()
    settings = {"backbone": {"architecture": "vgg_small"}}
    save_weights(table_data / "attention.pt", Weights("attention", state, settings, NAMES))
    done = run("proxy", "boxes", *data(table_data), "--labels", table_data / "masks",
               "--out", table_data / "boxes.json")  # fmt: skip
    assert done.output.startswith("wrote 5 boxes of 4 train images")
    return table_data


def configure(stage: Path, **changes: object) -> None:
    backbone = {"architecture": "vgg_small", "weights": "none"}
    settings = SMALL | {"backbone": backbone, "training": TRAINING} | changes
    (stage / "train.json").write_text(json.dumps(settings), encoding="utf-8")


def data(stage: Path) -> list[object]:
    return ["--index", stage / "index.csv", "--classes", stage / "classes.csv"]


def train(stage: Path, name: str, *more: object) -> Path:
    out = stage / name / "weights.pt"
    done = run("detector", "train", "--config", stage / "train.json", *data(stage), "--boxes", stage / "boxes.json",
               *more, "--state", stage / name / "state", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.output
    return out


def test_train_and_predict(stage: Path) -> None:
    weights = load_weights(train(stage, "detector"), "detector", NAMES)
    assert weights.initial == {"source": "none"}
    assert weights.settings["anchors"] == [8, 16]
    with (stage / "detector" / "history.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["iteration"] == "3"
    assert all(np.isfinite(float(row[f"loss_{name}"])) for name in ("classifier", "box_reg", "objectness"))
    found = []
    for shard in ("1-of-2", "2-of-2"):
        out = stage / f"shard-{shard}.json"
        done = run("detector", "predict", "--config", stage / "predict.json", *data(stage), "--split", "val",
                   "--weights", stage / "detector" / "weights.pt", "--shard", shard, "--out", out)  # fmt: skip
        assert done.exit_code == 0, done.output
        assert "boxes of 1 val images" in done.output
        found.append(json.loads(out.read_text(encoding="utf-8")))
    assert [{item["image_id"] for item in items} for items in found] == [{1}, {2}]
    for item in (*found[0], *found[1]):
        left, top, width, height = item["bbox"]
        assert set(item) == {"image_id", "category_id", "bbox", "score"}
        assert min(left, top) >= 0 < min(width, height)
        assert left + width <= 32.001
        assert top + height <= 24.001
        assert 1 <= item["category_id"] <= 3
        assert 0 < item["score"] <= 1


def test_a_training_repeats_itself_bit_for_bit(stage: Path) -> None:
    first, second = (load_weights(train(stage, name), "detector").state for name in ("first", "second"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_it_starts_from_this_runs_attention(stage: Path) -> None:
    configure(stage, backbone={"architecture": "vgg_small", "weights": "attention", "frozen_stages": 1})
    weights = load_weights(train(stage, "detector", "--attention", stage / "attention.pt"), "detector")
    assert weights.initial["source"] == "attention"
    learnt = load_weights(stage / "attention.pt", "attention").state["backbone.stages.0.0.weight"]
    assert torch.equal(weights.state["features.backbone.stages.0.0.weight"], learnt)
    with pytest.raises(InputError, match=r"detector\.backbone\.weights is 'attention' but no --attention"):
        train(stage, "other")


def test_boxes_of_nothing_are_refused(stage: Path) -> None:
    content = json.loads((stage / "boxes.json").read_text(encoding="utf-8"))
    (stage / "boxes.json").write_text(json.dumps(content | {"annotations": []}), encoding="utf-8")
    with pytest.raises(InputError, match="no training image has a box"):
        train(stage, "detector")


@pytest.fixture(scope="module")
def network() -> Detector:
    torch.manual_seed(0)
    backbone = {"architecture": "vgg_small", "weights": "none"}
    built = Detector(DetectorConfig(backbone=backbone, **SMALL), 3).eval()
    torch.nn.init.normal_(built.roi_heads.box_predictor.cls_score.weight, std=1.0)
    return built


@pytest.mark.parametrize("size", [None, 40, 96])
@pytest.mark.parametrize("shape", [(33, 71), (97, 20), (5, 3), (1, 1)])
def test_boxes_lie_in_images_of_any_size(network: Detector, shape: tuple[int, int], size: int | None) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    settings = BoxPredictionConfig(**FIND | {"size": size, "most": 50})
    found = find_boxes(network, image, settings, torch.device("cpu"))
    assert len(found.boxes) == len(found.labels) == len(found.scores) <= 50
    assert len(found.boxes) or min(shape) < 33
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [shape[1], shape[0], shape[1], shape[0]]).all()
    assert (np.diff(found.scores) <= 0).all()


def test_boxes_are_in_the_images_pixels_whatever_size_the_network_sees(network: Detector) -> None:
    image = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    large = image.repeat(2, axis=0).repeat(2, axis=1)
    settings = BoxPredictionConfig(**FIND | {"size": 64})
    ours, theirs = (find_boxes(network, given, settings, torch.device("cpu")) for given in (image, large))
    np.testing.assert_allclose(ours.boxes * 2, theirs.boxes, atol=0.02)
    assert ours.labels.tolist() == theirs.labels.tolist()


def test_cocos_format() -> None:
    found = Found(np.array([[1.25, 2.0, 4.0, 9.5]]), np.array([3]), np.array([0.1234567]))
    assert coco_results(7, found) == [
        {"image_id": 7, "category_id": 3, "bbox": [1.25, 2.0, 2.75, 7.5], "score": 0.12346}
    ]


def test_weights_of_another_room_are_refused(stage: Path) -> None:
    with pytest.raises(InputError, match="holds attention weights; detector weights"):
        load(stage / "attention.pt", NAMES)
