"""The boxes to learn from: COCO's JSON as `weakseg proxy boxes` writes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.errors import InputError


@dataclass(frozen=True)
class Boxed:
    """The boxes of one image.

    Attributes:
        size: height and width of the image.
        boxes: M×4 float32: left, top, right and bottom in pixels, right and bottom excluded.
        labels: M int64, 1…C.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    labels: np.ndarray


def read_boxes(path: Path, classes: Sequence[str]) -> dict[str, Boxed]:
    """Image id → its boxes, for all images of the file.

    Args:
        path: the file.
        classes: the index's names in order, which must be the file's.

    Raises:
        InputError: missing, damaged, of other classes or written by another program.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        categories = sorted(content["categories"], key=lambda item: int(item["id"]))
        names = [item["name"] for item in categories]
        found = _by_image(content, {item["id"]: number for number, item in enumerate(categories, start=1)})
    except OSError as error:
        raise InputError(
            f"boxes {path} cannot be read ({error.strerror}); give the file that 'weakseg proxy boxes' writes."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the JSON of 'weakseg proxy boxes' ({error!r}); run that command again."
        ) from None
    if names != list(classes):
        raise InputError(
            f"{path} has boxes of the classes {names}, the index has {list(classes)}; they must agree: run 'weakseg "
            "proxy boxes' again."
        )
    return found


def _by_image(content: dict[str, Any], labels: dict[int, int]) -> dict[str, Boxed]:
    """Image id → boxes; `labels` are the classes' numbers by category."""
    rows: dict[int, list[tuple[int, list[float]]]] = {int(item["id"]): [] for item in content["images"]}
    for item in content["annotations"]:
        left, top, width, height = map(float, item["bbox"])
        rows[item["image_id"]].append((labels[item["category_id"]], [left, top, left + width, top + height]))
    return {
        item["weakseg_id"]: Boxed(
            (int(item["height"]), int(item["width"])),
            np.array([box for _, box in rows[item["id"]]], np.float32).reshape(-1, 4),
            np.array([label for label, _ in rows[item["id"]]], np.int64),
        )
        for item in content["images"]
    }
