"""Polygons in YOLO's text files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.dataset.mask_formats.declaration import MaskFormat, Unmasked

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found


class YoloMasks(MaskFormat):
    """The polygons in the text files of source `yolo`; smaller ones lie over larger ones."""

    name = "yolo"
    made_by = "draw_yolo"

    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The text file of each image; of a negative its image, which then is all background."""
        from weakseg.dataset.sources.yolo import label_file

        paths = [Path(label_file(image.image.as_posix())) for image in images]
        return [path if path.is_file() else image.image for path, image in zip(paths, images, strict=True)]


import cv2
import numpy as np

from weakseg.dataset.images import image_size
from weakseg.dataset.wording import shown
from weakseg.errors import InputError
from weakseg.formats.regions import paint

_LEAST = 3  # corners


def draw_yolo(task: tuple[YoloMasks, Path, Unmasked, Sequence[str]]) -> np.ndarray:
    """The labels of a text file's polygons.

    Raises:
        InputError: the image cannot be read, or a line is not a polygon.
    """
    _, path, image, _ = task
    height, width = image_size(image.image)
    labels = np.zeros((height, width), np.uint8)
    if path == image.image:
        return labels
    lines = [line.split() for line in path.read_bytes().splitlines() if line.strip()]
    drawn = [_polygon(path, number, line, width, height) for number, line in enumerate(lines, start=1)]
    for label, corners in sorted(drawn, key=lambda item: -cv2.contourArea(item[1].astype(np.float32))):
        paint(labels, [corners], label)
    return labels


def _polygon(
    path: Path, number: int, parts: Sequence[bytes], width: int, height: int
) -> tuple[int, np.ndarray]:
    """Label and corners N×2 in pixels."""
    try:
        values = np.array([float(part) for part in parts[1:]])
        label = int(float(parts[0])) + 1
    except ValueError:
        values, label = np.zeros(0), 0
    if len(values) < 2 * _LEAST or len(values) % 2 or not np.isfinite(values).all():
        held = "a box" if len(values) == 4 else shown(b" ".join(parts)[:60].decode(errors="replace"))
        raise InputError(
            f"{path} line {number} is {held}; a polygon of three or more corners was expected: set "
            "dataset.masks.format to none, or export polygons."
        )
    return label, values.reshape(-1, 2) * (width, height)
