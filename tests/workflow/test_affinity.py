"""Affinities between fuse and refine: planned where a method is chosen, and run by Snakemake."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.storage.labels import read_labels, write_labels

TRAINING = {
    "iterations": 4,
    "batch_size": 4,
    "crop": 32,
    "workers": 0,
    "precision": "fp32",
    "checkpoint_every": 2,
}
BACKBONE = {"architecture": "vgg_small", "weights": "none"}
IMAGES, VAL = 6, 2


def written(folder: Path, method: str, **affinity: Any) -> Path:
    """A run on images of 48×48 with a red or a blue square."""
    rng = np.random.default_rng(0)
    rows = [("image", "labels", "split")]
    for number in range(IMAGES):
        image = rng.integers(90, 110, (48, 48, 3), dtype=np.uint8)
        mask = np.zeros((48, 48), np.uint8)
        mask[8:30, 10:34] = 1 + number % 2
        image[mask > 0] = ((20, 80, 200), (200, 80, 20))[number % 2]
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        write_labels(folder / "masks" / f"{number}.png", mask)
        rows.append((f"{number}", ("blue", "red")[number % 2], "val" if number >= IMAGES - VAL else "train"))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    table = {name: str(folder / name) for name in ("images", "masks")} | {
        "labels": str(folder / "labels.csv")
    }
    values = {
        "run": method,
        "shards": 1,
        "dataset": {"source": "table", "classes": ["blue", "red"], "table": table},
        "saliency": {"method": "unsupervised"},
        "attention": {"method": "cam", "backbone": BACKBONE, "training": TRAINING},
        "proxy": {"rule": "threshold"},
        "affinity": {"method": method, "backbone": BACKBONE, "training": TRAINING, "walk": {"steps": 16}}
        | affinity,
        "segmenter": {"backbone": BACKBONE, "training": TRAINING},
        "evaluation": {"sample": 2, "worst": 0},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_no_job_appears_without_a_method(planned: Any) -> None:
    status, output = planned.snakemake("-n")
    assert status == 0 and "affinity_" not in output, output


def test_a_method_stands_between_fuse_and_refine(planned: Any, tmp_path: Path) -> None:
    file = written(tmp_path, "irn", backbone={"architecture": "vgg_small", "weights": "attention"})
    status, output = planned.snakemake("-n", "-p", "--configfile", file, "--", "proxies")
    assert status == 0, output
    assert "--attention results/irn/attention/weights.pt --state results/irn/affinity/state" in output
    refine = output[output.index("weakseg proxy refine") :].partition("\n")[0]
    assert "--fused results/irn/affinity/labels" in refine


@pytest.mark.slow
@pytest.mark.parametrize(("method", "target"), [("irn", "all"), ("psa", "proxies")])
def test_proxies_spread_and_are_scored(ran: Any, tmp_path: Path, method: str, target: str) -> None:
    file = written(tmp_path, method)
    status, output = ran.snakemake("--cores", "2", "--configfile", file, "--", target)
    assert status == 0, output
    run = ran.folder / "results" / method
    for number in range(IMAGES):
        labels = read_labels(run / "affinity" / "labels" / f"{number}.png")
        assert labels.shape == (48, 48) and set(np.unique(labels)) <= {0, 1 + number % 2, 255}
    for name in ("attention", "fused", "affinity", "refined"):
        assert json.loads((run / "evaluation" / f"{name}.json").read_text())["images"] == IMAGES - VAL
    if target == "all":
        with (run / "evaluation" / "scores.csv").open(encoding="utf-8") as scores:
            names = [row[0] for row in csv.reader(scores)]
        found = [name for name in names if name in ("attention", "fused", "affinity", "refined")]
        assert list(dict.fromkeys(found)) == ["attention", "fused", "affinity", "refined"]
