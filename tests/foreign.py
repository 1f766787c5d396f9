"""Data as other tools lay them out, for tests: tiny images, and the files that say what they show."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from weakseg.dataset.check import refuse_bad_images
from weakseg.dataset.index import Listing
from weakseg.dataset.indexing import list_source
from weakseg.dataset.settings import DatasetConfig
from weakseg.settings.reading import parse

SIZE = (8, 6)


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write an image of noise, another one for each path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(str(path.name).encode())).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pictures(folder: Path, *names: str) -> None:
    for name in names:
        picture(folder / name)


def listing(folder: Path, source: str, section: Mapping[str, Any], **dataset: Any) -> Listing:
    """What planning lists, with its refusals."""
    settings = parse(DatasetConfig, {"source": source, source: dict(section), **dataset}, "config.yaml")
    found = list_source(settings, folder / "run")
    assert found is not None
    refuse_bad_images(found.index, settings.bad_images, folder / "bad_images.csv")
    return found


def told(found: Listing) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Id → split and labels."""
    return {record.id: (record.split, record.labels) for record in found.index.records}


def coco(
    path: Path,
    images: Mapping[Any, str],
    shows: Mapping[Any, Sequence[Any]],
    categories: Mapping[Any, str],
    **more: Any,
) -> dict[str, Any]:
    """Write COCO's JSON: image id → file, image id → categories of its objects; what was written."""
    held = {
        "info": {"description": "made for a test"},
        "images": [{"id": key, "file_name": name, "width": 8, "height": 6} for key, name in images.items()],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "bbox": [1, 1, 3, 2],
                "area": 6.0,
                "iscrowd": 0,
                "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3]],
            }
            for number, (image, category) in enumerate(
                ((image, category) for image, found in shows.items() for category in found), start=1
            )
        ],
        "categories": [{"id": key, "name": name, "supercategory": "x"} for key, name in categories.items()],
    } | more
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held), encoding="utf-8")
    return held


def yolo(folder: Path, shows: Mapping[str, str | None], names: Any = ("cat", "dog"), **more: Any) -> Path:
    """Write YOLO's layout: `train/a` → the lines of its text file, or none; data.yaml's path."""
    for name, lines in shows.items():
        picture(folder / f"images/{name}.jpg")
        if lines is not None:
            label = folder / f"labels/{name}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text(lines, encoding="utf-8")
    held = {
        "names": list(names) if isinstance(names, tuple) else names,
        "train": "images/train",
        "val": "images/val",
    }
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(held | more), encoding="utf-8")
    return path
