"""Masks of what stands out, and folders of images with such masks."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from weakseg.dataset.image_names import EXTENSIONS
from weakseg.dataset.images import read_grey
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels

BRIGHT = 128
"""Grey value from which on a mask of a salient-object data set means the object; the edges of JPEG-like masks blur."""
ReadMask = Callable[[Path], np.ndarray]
"""A mask file → H×W `uint8`: 0 background, 1 object, 255 not scored."""


def read_nonzero(path: Path) -> np.ndarray:
    """A mask of indices: every value but 0 and 255 is the object, 255 is not scored.

    Raises:
        InputError: the file is missing, damaged or in colour.
    """
    mask = read_labels(path)
    mask[(mask != UNDECIDED) & (mask != 0)] = 1
    return mask


def read_bright(path: Path) -> np.ndarray:
    """A grey mask: 128 and more of 255 is the object.

    Raises:
        InputError: the file is missing or damaged, or holds dark values alone that are not black.
    """
    grey = read_grey(path)
    highest = int(grey.max(initial=0))
    if 0 < highest < BRIGHT:
        raise InputError(
            f"mask {path} holds no value above {highest}; with data.foreground 'bright' 128 and more is the object: "
            "set data.foreground to nonzero if it holds indices."
        )
    mask: np.ndarray = (grey >= BRIGHT).astype(np.uint8)
    return mask


READERS: dict[str, ReadMask] = {"bright": read_bright, "nonzero": read_nonzero}
"""`data.foreground` → how a mask is read."""


def folder_records(images: Path, masks: Path) -> list[Record]:
    """The images at any depth of a folder that have a mask of their name in another folder, in order of their names.

    Raises:
        InputError: a folder is missing, or no image has a mask.
    """
    for key, folder in (("images", images), ("masks", masks)):
        if not folder.is_dir():
            raise InputError(
                f"data.{key} is {folder}, which is not a folder; correct it in the configuration."
            )
    files = sorted(path for path in images.rglob("*") if path.suffix.lower() in EXTENSIONS)
    named = [(path.relative_to(images).with_suffix("").as_posix(), path) for path in files]
    found = [
        Record(name, path, "saliency", (), mask)
        for name, path in named
        if (mask := masks / f"{name}.png").is_file()
    ]
    if not found:
        raise InputError(
            f"none of the {len(files)} images in {images} has a mask in {masks}; PNGs of the same names were expected."
        )
    return found


def digest(records: Iterable[Record]) -> str:
    """Hexadecimal digits that differ when images or masks were added, dropped or renamed, or have another size."""
    text = hashlib.sha256()
    for record in records:
        size = record.image.stat().st_size
        masked = -1 if record.mask is None else record.mask.stat().st_size
        text.update(f"{record.id}\n{size} {masked}\n".encode())
    return text.hexdigest()
