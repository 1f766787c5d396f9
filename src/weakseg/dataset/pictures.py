"""`pictures.csv`: the size and look of every image that was opened, by its content, so that none is opened twice.

The look is a difference hash of 16×16 bits: whether each of 16×17 grey cells is brighter than its left neighbour. Of
500 photographs of VOC, copies of half their side in JPEG of quality 50 differ in at most 37 bits (99 % of them in at
most 18), and any two different ones in 60 or more. These are ten lines of OpenCV; the library imagehash would bring
SciPy and PyWavelets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from weakseg.dataset.tables import read_rows, write_rows
from weakseg.errors import InputError

PICTURES = "pictures.csv"
COLUMNS = ("image_sha256", "height", "width", "look")
ALIKE = 24
"""Bits of 256 in which two looks of one picture may differ."""
_CELLS = (17, 16)  # width and height
_FLAT = 2.0  # standard deviation of the cells below which an image has no look


@dataclass(frozen=True)
class Picture:
    """What is known of an image that was opened.

    Attributes:
        height, width: pixels, upright.
        look: 64 hexadecimal digits; empty if the image is nearly of one grey, as such images look alike.
    """

    height: int
    width: int
    look: str

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


def picture(image: np.ndarray) -> Picture:
    """The size and look of an image H×W×3 `uint8`."""
    cells = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), _CELLS, interpolation=cv2.INTER_AREA)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1])
    height, width = image.shape[:2]
    return Picture(height, width, "" if cells.std() < _FLAT else bits.tobytes().hex())


def read_pictures(folder: Path) -> dict[str, Picture]:
    """SHA-256 of an image → what is known of it; empty if the file is missing or damaged."""
    try:
        rows = read_rows(folder / PICTURES, COLUMNS)
        return {
            row["image_sha256"]: Picture(int(row["height"]), int(row["width"]), row["look"]) for row in rows
        }
    except (InputError, ValueError):
        return {}


def write_pictures(folder: Path, known: Mapping[str, Picture]) -> None:
    """Write `pictures.csv`, atomically."""
    rows = ((sha256, *vars(item).values()) for sha256, item in known.items())
    write_rows(folder / PICTURES, COLUMNS, rows)


def alike(these: Sequence[Picture], those: Sequence[Picture]) -> list[tuple[int, int]]:
    """Pairs of numbers of pictures, one of each list, that look the same."""
    numbers, looks = _looks(those)
    pairs: list[tuple[int, int]] = []
    for number, look in zip(*_looks(these), strict=True):
        apart = np.bitwise_count(looks ^ look).sum(axis=1, dtype=np.int64)
        pairs += [(number, numbers[place]) for place in np.flatnonzero(apart <= ALIKE)]
    return pairs


def _looks(pictures: Sequence[Picture]) -> tuple[list[int], np.ndarray]:
    """The numbers of the pictures that have a look, and their looks M×4 `uint64`."""
    numbers = [number for number, item in enumerate(pictures) if item.look]
    content = bytes.fromhex("".join(pictures[number].look for number in numbers))
    return numbers, np.frombuffer(content, np.uint64).reshape(-1, 4)
