"""One class with images that do not show it: from empty labels to scores and pictures."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.shards import ShardReader

TRAINING = {
    "iterations": 4,
    "batch_size": 4,
    "crop": 32,
    "workers": 0,
    "precision": "fp32",
    "checkpoint_every": 2,
}
BACKBONE = {"architecture": "vgg_small", "weights": "none"}
TRAIN, VAL = 8, 4


def settings(folder: Path, *, negatives: bool) -> dict[str, Any]:
    """A run on images of 48×48, every second of which shows rust, or, without negatives, all."""
    rng = np.random.default_rng(0)
    rows = [("image", "labels", "split")]
    for number in range(TRAIN + VAL):
        image = rng.integers(90, 110, (48, 48, 3), dtype=np.uint8)
        mask = np.zeros((48, 48), np.uint8)
        rusty = number % 2 == 0 or not negatives
        if rusty:
            mask[8:30, 10:34] = 1
            image[mask == 1] = (200, 80, 20)
        for name, values in (("images", image), ("masks", mask)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            write = (
                write_labels if name == "masks" else lambda path, pixels: Image.fromarray(pixels).save(path)
            )
            write(folder / name / f"{number:02}.png", values)
        rows.append((f"{number:02}", "rust" if rusty else "", "train" if number < TRAIN else "val"))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    table = {name: str(folder / name) for name in ("images", "masks")}
    return {
        "run": "rust",
        "shards": 1,
        "dataset": {
            "source": "table",
            "classes": ["rust"],
            "table": table | {"labels": str(folder / "labels.csv")},
        },
        "saliency": {"method": "unsupervised"},
        "attention": {"method": "cam", "backbone": BACKBONE, "training": TRAINING},
        "proxy": {"rule": "threshold"},
        "segmenter": {"backbone": BACKBONE, "training": TRAINING, "negatives": 0.5},
        "evaluation": {"sample": 6, "worst": 6},
    }


def written(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_without_negatives_it_is_told_before_anything_is_planned(planned: Any, tmp_path: Path) -> None:
    values = settings(tmp_path, negatives=False)
    status, output = planned.snakemake("-n", "--configfile", written(tmp_path, values))
    assert status == 1
    assert output.strip().splitlines()[-1].startswith("weakseg: every training image shows 'rust', and the")
    values["attention"] = {"method": "folder", "folder": {"folder": str(tmp_path)}}
    values["segmenter"]["backbone"] = BACKBONE
    status, output = planned.snakemake("-n", "--configfile", written(tmp_path, values))
    assert status == 0, output


@pytest.mark.slow
def test_every_stage_takes_negatives(ran: Any, tmp_path: Path) -> None:
    file = written(tmp_path, settings(tmp_path, negatives=True))
    status, output = ran.snakemake("--cores", "2", "--configfile", file)
    assert status == 0, output
    run = ran.folder / "results" / "rust"
    said = (run / "logs" / "dataset_index.log").read_text()
    assert (
        "4 of 8 training images show none of the classes: they are negatives (01, 03, 05 and 1 more)" in said
    )
    maps = ShardReader([run / "attention" / "maps" / "shard-1-of-1.h5"])
    for number in range(TRAIN):
        assert [*maps.read(f"{number:02}")] == ([] if number % 2 else ["rust"])
    for folder in ("proxy/fused", "proxy/refined"):
        for number in range(1, TRAIN, 2):
            assert not read_labels(run / folder / f"{number:02}.png").any()
    for name in ("attention", "refined", "segmenter-crf"):
        score = json.loads((run / "evaluation" / f"{name}.json").read_text())
        assert score["images"] == (VAL if name.startswith("segmenter") else TRAIN)
        assert 0 <= score["miou"] <= 1
    assert json.loads((run / "evaluation" / "localisation.json").read_text())["cases"] == TRAIN // 2
    assert (run / "evaluation" / "montage-sample.png").is_file()
