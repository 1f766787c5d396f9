"""One class with and without negatives: the same generated surfaces, the real workflow, one table of scores.

Each image is a surface with scratches and stains of paint, moss or limescale; half of them also show rust, the only
class. Cracks, a pixel or two wide at this size, are much thinner than a cell of the maps, so the damage is a patch.
Both runs have the same images with rust and the same validation images, half of them without rust; `without` lacks the
training images without rust.

    python benchmarks/negatives.py --folder FOLDER
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from PIL import Image

from weakseg.storage.labels import write_labels

ROOT = Path(__file__).parents[1]
SIDE = 96
TRAIN, VAL = 80, 30
"""Images with rust, and as many without, of each split."""
RUST = np.array([140.0, 75.0, 40.0])
STAINS = np.array([[50.0, 80.0, 140.0], [60.0, 120.0, 60.0], [205.0, 195.0, 120.0]])
"""Colours of rust, and of paint, moss and limescale."""
ROWS = ("attention", "fused", "refined", "segmenter", "segmenter-crf")
ITERATIONS = 300


def noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth random field SIDE×SIDE of mean 0 and deviation 1, with about `cells` bumps a side."""
    field = cv2.resize(
        rng.standard_normal((cells + 3, cells + 3)).astype(np.float32),
        (SIDE + 32, SIDE + 32),
        interpolation=cv2.INTER_CUBIC,
    )[16:-16, 16:-16]
    return np.asarray((field - field.mean()) / field.std())


def paint(image: np.ndarray, where: np.ndarray, colour: np.ndarray, grain: np.ndarray) -> None:
    """Colour the pixels of a mask, brighter and darker by the grain."""
    image[where] = (colour + grain[..., None] * 14)[where]


def patch(rng: np.random.Generator, share: float) -> np.ndarray:
    """A ragged region of a share of the image, somewhere in it."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    centre = rng.uniform(0.2, 0.8, 2)
    near = -np.hypot(x - centre[0], y - centre[1]) * 6 + noise(rng, 5)
    return np.asarray(near > np.quantile(near, 1 - share))


def surface(rng: np.random.Generator, *, rusty: bool) -> tuple[np.ndarray, np.ndarray]:
    """Image H×W×3 and mask H×W, 1 where there is rust."""
    grey = rng.uniform(90, 190)
    image = grey + rng.normal(0, 6, 3) + (noise(rng, 4) * 12 + rng.normal(0, 7, (SIDE, SIDE)))[..., None]
    for _ in range(rng.integers(1, 4)):  # as conspicuous as rust, on surfaces with rust and without
        colour = STAINS[rng.integers(len(STAINS))] + rng.normal(0, 10, 3)
        paint(image, patch(rng, rng.uniform(0.03, 0.12)), colour, noise(rng, 24) * 1.5)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if rusty:
        mask[patch(rng, rng.uniform(0.05, 0.2))] = 1
        paint(image, mask == 1, RUST + rng.normal(0, 10, 3), noise(rng, 24) * 1.5)
    for _ in range(rng.integers(0, 3)):
        ends = [tuple(int(value) for value in rng.integers(0, SIDE, 2)) for _ in range(2)]
        cv2.line(image, *ends, [float(grey + rng.uniform(-70, 70))] * 3)
    return image.clip(0, 255).astype(np.uint8), mask


def draw(folder: Path) -> None:
    """Images, masks and both tables."""
    rng = np.random.default_rng(0)
    rows: list[tuple[str, str, str]] = []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for split, count in (("train", TRAIN), ("val", VAL)):
        for number in range(2 * count):
            name, rusty = f"{split}-{number:03}", number % 2 == 0
            image, mask = surface(rng, rusty=rusty)
            Image.fromarray(image).save(folder / "images" / f"{name}.png")
            write_labels(folder / "masks" / f"{name}.png", mask)
            rows.append((name, "rust" if rusty else "", split))
    for table, kept in (("with", rows), ("without", [row for row in rows if row[1] or row[2] == "val"])):
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("image", "labels", "split"), *kept])


def settings(folder: Path, table: str, method: str, same_labels: str) -> dict[str, Any]:
    """What differs from the demo's configuration."""
    training = {"iterations": ITERATIONS, "workers": 0}
    return {
        "run": f"rust-{method}-{table}",
        "dataset": {
            "source": "table",
            "classes": ["rust"],
            "same_labels": same_labels,
            "table": {
                **{name: str(folder / name) for name in ("images", "masks")},
                "labels": str(folder / f"{table}.csv"),
            },
        },
        "saliency": {"method": "unsupervised", "unsupervised": {"backgroundness": False, "center": False}},
        "attention": {"method": method, "training": training},
        "proxy": {"rule": "dcsp"},
        "segmenter": {"balance": "foreground", "training": training},
    }


def run(folder: Path, table: str, method: str, same_labels: str) -> tuple[int, str, float]:
    """Exit status, output and minutes of the workflow."""
    values = settings(folder, table, method, same_labels)
    config = folder / f"{values['run']}.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", str(config)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, (time.monotonic() - start) / 60


def scores(name: str) -> dict[str, float]:
    """Score → IoU of rust."""
    read = {
        row: json.loads((ROOT / "results" / name / "evaluation" / f"{row}.json").read_text()) for row in ROWS
    }
    return {row: values["per_class"]["rust"] or 0.0 for row, values in read.items()}


def main() -> None:
    """Draw the images, run both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="Folder for images, masks and tables.")
    parser.add_argument("--method", default="cam", help="Attention method.")
    given = parser.parse_args()
    folder = given.folder.resolve()
    draw(folder)
    refused, said, _ = run(folder, "without", given.method, "refuse")
    if not refused:
        sys.exit("a run without negatives was not refused")
    print("without negatives, same_labels: refuse:\n  " + said.strip().splitlines()[-1])
    found = {}
    for table in ("without", "with"):
        status, said, minutes = run(folder, table, given.method, "allow")
        if status:
            sys.exit(said)
        found[table] = scores(f"rust-{given.method}-{table}")
        print(f"{table} negatives: {minutes:.1f} minutes", flush=True)
    print(f"\n| IoU of rust, {given.method} | without negatives | with negatives |\n|---|---|---|")
    for row in ROWS:
        print(f"| {row} | {found['without'][row]:.3f} | {found['with'][row]:.3f} |")


if __name__ == "__main__":
    main()
