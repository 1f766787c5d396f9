"""Images of one pixel, of one row and of one column go through every stage, as docs/images.md says."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from weakseg.cli import weakseg
from weakseg.storage.labels import read_labels, write_labels

SIZES = {"dot": (1, 1), "column": (5000, 1), "row": (1, 5000), "plain": (40, 56)}
TRAINING = {
    "iterations": 2,
    "batch_size": 4,
    "crop": 32,
    "workers": 0,
    "precision": "fp32",
    "checkpoint_every": 2,
}
BACKBONE = {"architecture": "vgg_small", "weights": "none"}
CRF = {"preset": "irn", "engine": "numba"}
STAGES: dict[str, dict[str, Any]] = {
    "saliency": {"method": "unsupervised"},
    "attention-train": {"method": "cam", "backbone": BACKBONE, "training": TRAINING},
    "attention-maps": {"size": 64, "precision": "fp32"},
    "proxy-fuse": {"rule": "threshold"},
    "proxy-refine": {"crf": CRF},
    "segmenter-train": {"method": "largefov", "backbone": BACKBONE, "training": TRAINING},
    "segmenter-predict": {"scales": [1.0, 0.5], "flip": True, "precision": "fp32"},
    "segmenter-refine": {"crf": CRF},
    "detector-train": {
        "backbone": BACKBONE,
        "stride": 8,
        "anchors": [8, 16],
        "channels": 16,
        "width": 32,
        "proposals": 8,
        "training": TRAINING | {"resize": 32},
    },
    "detector-predict": {"size": 64, "least_score": 0.0, "precision": "fp32"},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with its settings; images of odd sizes, with masks, in both splits."""
    rng = np.random.default_rng(0)
    rows = ["image,labels,split"]
    for split in ("train", "val"):
        for name, size in SIZES.items():
            path = tmp_path / "images" / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
            write_labels(tmp_path / "masks" / split / f"{name}.png", rng.integers(0, 3, size, dtype=np.uint8))
            rows.append(f"{split}/{name},cat|dog,{split}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    table = {name: str(tmp_path / name) for name in ("images", "masks")} | {
        "labels": str(tmp_path / "labels.csv")
    }
    dataset = {"source": "table", "classes": ["cat", "dog"], "table": table}
    for stage, settings in (STAGES | {"dataset": dataset}).items():
        path = tmp_path / "run" / "configs" / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    return tmp_path / "run"


def stage(run: Path, command: str, config: str | None, **options: Any) -> None:
    """One command of the chain as its rule calls it."""
    index = {"index": run / "dataset" / "index.csv", "classes": run / "dataset" / "classes.csv"}
    given = {} if config is None else {"config": run / "configs" / f"{config}.json"}
    given |= (index if config != "dataset" else {}) | options
    words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    done = CliRunner().invoke(weakseg, [*command.split(), *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_every_stage_takes_them(run: Path) -> None:
    shard = {"shard": "1-of-1"}
    attention, proxy, segmenter = run / "attention", run / "proxy", run / "segmenter"
    stage(run, "dataset index", "dataset", out=run / "dataset")
    stage(run, "saliency maps", "saliency", **shard, out=run / "saliency.h5")
    stage(run, "attention train", "attention-train", state=attention / "state", out=attention / "weights.pt")
    maps = {"class_scores": attention / "scores.csv", "out": attention / "maps.h5"}
    stage(run, "attention maps", "attention-maps", weights=attention / "weights.pt", **shard, **maps)
    made_of = {"attention": attention / "maps.h5", "saliency": run / "saliency.h5"}
    fused = {"labels": proxy / "fused", "out": proxy / "fused.csv"}
    stage(run, "proxy fuse", "proxy-fuse", **shard, **made_of, **fused)
    refined = {"labels": proxy / "refined", "out": proxy / "refined.csv"}
    stage(run, "proxy refine", "proxy-refine", **shard, fused=proxy / "fused", **refined)
    trained = {"state": segmenter / "state", "out": segmenter / "weights.pt"}
    stage(run, "segmenter train", "segmenter-train", labels=proxy / "refined", **trained)
    plain = {"labels": segmenter / "plain", "out": segmenter / "scores.h5"}
    stage(
        run, "segmenter predict", "segmenter-predict", weights=trained["out"], split="val", **shard, **plain
    )
    crf = {"scores": plain["out"], "labels": segmenter / "crf", "out": segmenter / "crf.csv"}
    stage(run, "segmenter refine", "segmenter-refine", split="val", **shard, **crf)
    for folder, split in (
        (proxy / "refined", "train"),
        (segmenter / "plain", "val"),
        (segmenter / "crf", "val"),
    ):
        for name, size in SIZES.items():
            assert read_labels(folder / split / f"{name}.png").shape == size
    with (segmenter / "crf.csv").open(encoding="utf-8") as file:
        assert {row["id"] for row in csv.DictReader(file)} == {f"val/{name}" for name in SIZES}


def test_so_does_the_detector(run: Path) -> None:
    """It learns from the masks here, in which every image has regions."""
    detector, boxes = run / "detector", run / "boxes.json"
    stage(run, "dataset index", "dataset", out=run / "dataset")
    stage(run, "proxy boxes", None, split="train", labels=run.parent / "masks", least=0.0, out=boxes)
    images = json.loads(boxes.read_text())["annotations"]
    assert {item["image_id"] for item in images} == {1, 2, 3, 4}
    trained = {"state": detector / "state", "out": detector / "weights.pt"}
    stage(run, "detector train", "detector-train", boxes=boxes, **trained)
    found = {"weights": trained["out"], "split": "val", "shard": "1-of-1", "out": detector / "boxes.json"}
    stage(run, "detector predict", "detector-predict", **found)
    sides = dict(enumerate(SIZES.values(), start=1))
    for item in json.loads(found["out"].read_text()):
        left, top, width, height = item["bbox"]
        assert left >= 0 <= top
        assert top + height <= sides[item["image_id"]][0] + 0.01
        assert left + width <= sides[item["image_id"]][1] + 0.01
