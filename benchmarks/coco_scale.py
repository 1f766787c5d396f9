"""COCO at its real size: how long planning, the first index and later ones take, and their memory.

    OMP_NUM_THREADS=1 python benchmarks/coco_scale.py --out benchmarks/results/coco_scale.json

Generated: 118,000 images and 860,000 objects of 80 classes, with polygons so long that the JSON has the size of COCO's.
The images are hard links to a few hundred different JPEGs of 640×480 noise over gradients, one of them for each name in
turn. Every measurement is a process of its own; seconds are those of the clock, and of all cores together.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from machine import describe

IMAGES, OBJECTS, CLASSES, DIFFERENT = 118_287, 860_001, 80, 400
POLYGON = 28
"""Corners of a polygon: so many make the JSON as large as COCO's."""
LIMITS = {"plan_s": 10.0, "first_index_core_ms": 5.0, "again_s": 60.0}


def pictures(folder: Path, count: int) -> None:
    """Different JPEGs of 640×480 pixels, about as large as COCO's, and a hard link to one of them for each image."""
    rng = np.random.default_rng(0)
    (folder / "different").mkdir(parents=True)
    for number in range(DIFFERENT):
        small = rng.integers(0, 256, (30, 40, 3), np.uint8)
        image = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(image + rng.normal(0, 19, image.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"different/{number}.jpg"), noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])
    for split, images in (("train2017", count), ("val2017", max(1, count // 24))):
        (folder / split).mkdir()
        for number in range(images):
            os.link(folder / f"different/{number % DIFFERENT}.jpg", folder / split / f"{number:012}.jpg")


def annotations(path: Path, count: int, objects: int) -> None:
    """COCO's JSON, written as it goes; polygons are some hundred different ones in turn."""
    rng = random.Random(0)
    shapes = [_shape(rng) for _ in range(DIFFERENT)]
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"info": {}, "images": [')
        file.write(",".join(json.dumps(_image(number)) for number in range(count)))
        file.write('], "annotations": [')
        for number in range(objects):
            category = 1 + min(CLASSES - 1, int(rng.expovariate(0.08)))
            ids = f'"image_id": {rng.randrange(count)}, "category_id": {category}, "id": {number}}}'
            file.write(f"{',' * (number > 0)}{shapes[number % DIFFERENT]}, {ids}")
        categories = [{"id": 1 + k, "name": f"class {k}", "supercategory": "thing"} for k in range(CLASSES)]
        file.write(f'], "categories": {json.dumps(categories)}}}')


def _image(number: int) -> dict[str, Any]:
    name = f"{number:012}.jpg"
    url = f"http://images.example.org/{name}"
    return {"license": 1, "file_name": name, "coco_url": url, "height": 480, "width": 640, "id": number}


def _shape(rng: random.Random) -> str:
    """An annotation without its ids and its end."""
    corners = [round(rng.random() * 640, 2) for _ in range(2 * POLYGON)]
    held = {
        "segmentation": [corners],
        "area": round(rng.random() * 1e5, 4),
        "iscrowd": 0,
        "bbox": corners[:4],
    }
    return json.dumps(held)[:-1]


STEP = """
import json, resource, sys, time
from pathlib import Path
from weakseg.dataset.settings import DatasetConfig
start = time.perf_counter()
settings = DatasetConfig.model_validate(json.loads(Path(sys.argv[1]).read_text()))
from weakseg.dataset.indexing import plan
keys = plan(settings, Path(sys.argv[2]))
print(json.dumps({"s": time.perf_counter() - start, "key": keys.data}))
"""


def measured(*command: str) -> dict[str, Any]:
    """Seconds of the clock and of all cores, and the largest resident memory of one process, of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    clock = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"clock_s": round(clock, 1), "core_s": round(cores, 1), "text": done.stdout}


def peak(*command: str) -> dict[str, Any]:
    """The same with the memory of the command alone, in a process that starts nothing else."""
    code = (
        "import json, resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
        "sys.stderr.write(done.stderr); "
        "mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024; "
        "print(json.dumps({'mb': round(mb), 'text': done.stdout, 'rc': done.returncode})); sys.exit(done.returncode)"
    )
    found = measured(sys.executable, "-c", code, *command)
    inner = json.loads(found.pop("text"))
    return found | {"peak_mb": inner["mb"], "text": inner["text"]}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--images", default=IMAGES, help="Training images; a 24th of it for validation.")
@click.option(
    "--work", type=click.Path(path_type=Path), help="Folder for the data.  [default: a temporary one]"
)
@click.option("--plan-only", is_flag=True, help="Open no image: the first planning alone.")
def main(out: Path, images: int, work: Path | None, plan_only: bool) -> None:
    """Measure and write the figures."""
    folder = Path(tempfile.mkdtemp(dir=work))
    try:
        figures = measure(folder, images, plan_only)
    finally:
        shutil.rmtree(folder)
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(figures, indent=2))


def measure(folder: Path, images: int, plan_only: bool) -> dict[str, Any]:
    """All figures."""
    pictures(folder, images)
    objects = round(OBJECTS * images / IMAGES)
    annotations(folder / "annotations/instances_train2017.json", images, objects)
    annotations(folder / "annotations/instances_val2017.json", max(1, images // 24), max(1, objects // 24))
    config, run = folder / "dataset.json", folder / "run"
    config.write_text(json.dumps({"source": "coco", "coco": {"root": str(folder)}}), encoding="utf-8")
    plan = (sys.executable, "-c", STEP, str(config), str(run))
    program = "from weakseg.cli import main; main()"
    index = (sys.executable, "-c", program, "dataset", "index", "--config", str(config), "--out", str(run))
    steps = {"plan_first": peak(*plan)}
    if not plan_only:
        steps |= {"index_first": peak(*index), "plan": peak(*plan), "index_again": peak(*index)}
    for found in steps.values():
        found.pop("text")
    total = images + max(1, images // 24)
    figures = {
        "machine": describe(),
        "images": total,
        "objects": objects,
        "json_mb": round((folder / "annotations/instances_train2017.json").stat().st_size / 1e6),
        "jpeg_kb": round((folder / "different/0.jpg").stat().st_size / 1e3),
        "steps": steps,
        "limits": LIMITS,
    }
    if not plan_only:
        figures["first_index_core_ms"] = round(1000 * steps["index_first"]["core_s"] / total, 2)
    return figures


if __name__ == "__main__":
    main()
