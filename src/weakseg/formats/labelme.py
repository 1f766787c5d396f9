"""LabelMe: a JSON an image, a polygon a shape; a hole is cut open to the outline. Flags are people's decisions."""

from weakseg.formats.declaration import Format


class LabelMe(Format):
    """LabelMe's JSON files, named like the images."""

    name = "labelme"
    title = "LabelMe, X-AnyLabeling"
    is_exact = False
    reads_back = True


import base64
import binascii
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from weakseg.errors import InputError
from weakseg.formats.items import Bad, Images, Item, Options, Written, each, label_of
from weakseg.formats.regions import check_simplifies, keyhole, outside, paint, polygons, ring_of
from weakseg.formats.tree import LARGEST, opened, parsed
from weakseg.storage.atomic import atomic_folder
from weakseg.storage.labels import UNDECIDED, decode_pixels

CUT = "polygons reach beyond the image and were cut off"
VERSION = "5.5.0"
"""Of LabelMe, the first that is sure to open what is written here; it refuses a file without one."""
DECISIONS = ("accepted", "rejected", "flagged")
OTHERS = {"_background_": 0, "__ignore__": UNDECIDED}
"""LabelMe's own names, as its scripts for VOC use them."""
_CORNERS = 64
"""Corners of the polygon that stands for a circle."""


@contextmanager
def writing(
    out: Path, classes: Sequence[str], options: Options, written: Written
) -> Iterator[Callable[[Item], None]]:
    """OUT/<image>.json of every image, which names the image by its path from there."""
    check_simplifies(options.tolerance)
    with atomic_folder(out) as folder:

        def add(item: Item) -> None:
            assert item.image is not None
            place = folder / f"{item.stem}.json"
            seen_from = (out / f"{item.stem}.json").parent
            found = polygons(item.labels, options.tolerance)
            content = {
                "version": VERSION,
                "flags": {name: item.decisions.get(name, False) for name in DECISIONS},
                "shapes": [_shape(classes[each.label - 1], keyhole(each.rings)) for each in found],
                "imagePath": Path(os.path.relpath(item.image.resolve(), seen_from.resolve())).as_posix(),
                "imageData": None,
                "imageHeight": item.labels.shape[0],
                "imageWidth": item.labels.shape[1],
            }
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            written.count(item, len(found))

        yield add


def _shape(name: str, ring: np.ndarray) -> dict[str, Any]:
    return {
        "label": name,
        "points": ring.round(4).tolist(),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {},
        "mask": None,
    }


def read(path: Path, classes: Sequence[str], images: Images) -> Iterator[Item | Bad]:
    """The JSON files of a folder or ZIP; shapes are drawn in their order."""
    with opened(path) as tree:
        files = tree.ending(".json")
        if not files:
            raise InputError(f"{path} holds no JSON; LabelMe's files, named like the images, were expected.")

        def make(name: str) -> Item:
            image_id, where = images.find(name[: -len(".json")]), tree.where(name)
            content = parsed(tree.content(name, LARGEST), where)
            shapes = content.get("shapes") if isinstance(content, dict) else None
            if not isinstance(shapes, list) or not all(isinstance(each, dict) for each in shapes):
                raise InputError(
                    f"{where} has no list of shapes; a file of LabelMe was expected: save it again."
                )
            size = images.size(image_id)
            given = (content.get("imageHeight"), content.get("imageWidth"))
            if given not in (size, (None, None)):
                raise InputError(
                    f"{where} is of an image of {given[1]}×{given[0]} pixels, the run's has {size[1]}×{size[0]}; both "
                    "must have one size: annotate the image at its own size."
                )
            labels = np.zeros(size, np.uint8)
            cut = sum(
                _draw(labels, shape, classes, f"{where}: shape {i}") for i, shape in enumerate(shapes, 1)
            )
            flags = content.get("flags")
            known = [each for each in DECISIONS if isinstance(flags, dict) and each in flags]
            decided = {each: flags[each] is True for each in known}
            return Item(image_id, None, labels, decisions=decided, notes=[f"{cut} {CUT}"] * bool(cut))

        yield from each(files, lambda name: name[: -len(".json")], make)


def _draw(labels: np.ndarray, shape: Mapping[str, Any], classes: Sequence[str], where: str) -> bool:
    """Draw a shape; whether it was cut off."""
    label = label_of(shape.get("label"), classes, where, OTHERS)
    kind, points = shape.get("shape_type", "polygon"), shape.get("points")
    if kind == "mask":
        return _paste(labels, shape, label, where)
    if kind in ("rectangle", "circle"):
        first, second = _two(points, where)
        points = _rectangle(first, second) if kind == "rectangle" else _circle(first, second)
    elif kind != "polygon":
        raise InputError(
            f"{where} is a {kind}; a polygon, rectangle, circle or mask was expected: draw an outline instead."
        )
    ring = ring_of(points, where)
    cut = outside(ring, (labels.shape[0], labels.shape[1]), where)
    paint(labels, [ring], label)
    return cut


def _two(points: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Two points, or the opposite ones of a rectangle's four.

    Raises:
        InputError: another number of points.
    """
    listed = points if isinstance(points, list) else []
    if len(listed) not in (2, 4):
        raise InputError(f"{where} has {len(listed)} points; two were expected: draw it again.")
    ring = ring_of([*listed, *listed][:4], where)
    return ring[0], ring[1] if len(listed) == 2 else ring[2]


def _rectangle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.array([first, [second[0], first[1]], second, [first[0], second[1]]])


def _circle(centre: np.ndarray, edge: np.ndarray) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    radius = np.hypot(*(edge - centre))
    return np.asarray(centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _paste(labels: np.ndarray, shape: Mapping[str, Any], label: int, where: str) -> bool:
    """Draw a shape of the kind `mask`: a PNG in base64 and the first and last pixel of its box; it is never cut off."""
    corners = [corner.round().astype(int).tolist() for corner in _two(shape.get("points"), where)]
    (left, top), (right, bottom) = corners
    height, width = labels.shape
    if not (0 <= left <= right < width and 0 <= top <= bottom < height):
        raise InputError(
            f"{where} is a mask from ({left}, {top}) to ({right}, {bottom}), the image has {width}×{height} pixels; a "
            "mask that lies on it was expected: draw it again."
        )
    try:
        content = base64.b64decode(str(shape.get("mask")), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    mask = decode_pixels(content, where, (bottom - top + 1, right - left + 1))[..., 0] > 0
    labels[top : bottom + 1, left : right + 1][mask] = label
    return False
