"""Boxes of label maps as COCO's JSON, for detectors and for programs that label images.

One box around each connected region of a class. That is the instance only where objects of a class do not touch: two
that do share a box, and an object that something else cuts in two gets two. Regions below a share of the image are left
out. Every box carries the region's area, so that one's own rule can be applied later.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np

Region = tuple[int, tuple[int, int, int, int], int]
"""Class index; left, top, width and height in pixels; pixels of the region."""


def regions(labels: np.ndarray, least: float) -> list[Region]:
    """Connected regions, of eight neighbours, of every class of a label map.

    Args:
        labels: H×W `uint8`; 0 (background) and 255 (undecided) make no region and separate regions.
        least: share of the image below which a region is left out.
    """
    found: list[Region] = []
    for index in np.unique(labels):
        if index in (0, 255):
            continue
        _, _, table, _ = cv2.connectedComponentsWithStats((labels == index).astype(np.uint8), connectivity=8)
        for left, top, width, height, area in table[1:].tolist():
            if area >= least * labels.size:
                found.append((int(index), (left, top, width, height), area))
    return found


def coco(
    classes: Sequence[str], images: Iterable[tuple[str, str, tuple[int, int], Sequence[Region]]]
) -> dict[str, Any]:
    """COCO's object-detection format.

    Args:
        classes: names in order; category i is `classes[i - 1]`.
        images: id, file, height and width, and regions of each.
    """
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, start=1)],
    }
    for number, (name, file, (height, width), found) in enumerate(images, start=1):
        content["images"].append(
            {"id": number, "file_name": file, "height": height, "width": width, "weakseg_id": name}
        )
        for category, box, area in found:
            annotation = {"image_id": number, "category_id": category, "bbox": list(box), "area": area}
            content["annotations"].append({"id": len(content["annotations"]) + 1, **annotation, "iscrowd": 0})
    return content
