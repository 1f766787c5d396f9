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


def stage(run: Path, command: str, config: str, **options: Any) -> None:
    """One command of the chain as its rule calls it."""
    index = {"index": run / "dataset" / "index.csv", "classes": run / "dataset" / "classes.csv"}
    given = {"config": run / "configs" / f"{config}.json"} | (index if config != "dataset" else {}) | options
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
