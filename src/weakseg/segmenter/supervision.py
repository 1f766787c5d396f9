"""What a segmenter learns from: proxy labels with people's decisions about them, or masks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import read_labels
from weakseg.storage.review import Review, read_corrected, read_review


@dataclass(frozen=True)
class Supervision:
    """What a segmenter learns from.

    Attributes:
        records: the images to train on.
        read: reads their label maps.
        files: of the maps.
        corrected: ids of the images whose maps people drew.
    """

    records: Sequence[Record]
    read: Callable[[Record], np.ndarray]
    files: list[Path]
    corrected: frozenset[str]


def masks(data: Index) -> Supervision:
    """The true masks of the training images.

    Raises:
        InputError: none has one.
    """
    records = [record for record in data.split("train") if record.mask is not None]
    if not records:
        raise InputError(
            "segmenter.labels is 'masks', but no training image has one; give masks or set it to proxy."
        )
    files = [record.mask for record in records if record.mask is not None]
    return Supervision(records, data.read_mask, files, frozenset())


def proxies(data: Index, folder: Path, review: Path | None) -> Supervision:
    """The proxy labels of the training images; rejected images are left out, corrected labels take their place.

    Args:
        data: gives the training images.
        folder: `<id>.png` of every image.
        review: folder of people's decisions.

    Raises:
        InputError: every image was rejected, or a corrected label is damaged.
    """
    records = data.split("train")
    decided = Review() if review is None else read_review(review)
    if decided.rejected:
        records = [record for record in records if record.id not in decided.rejected]
        if not records:
            raise InputError(
                f"all training images were rejected in {review}/rejected.csv; take some back in 'weakseg inspect', or "
                "delete their lines."
            )
    corrected = [record for record in records if record.id in decided.corrected]
    for record in corrected:
        read_corrected(decided.corrected[record.id], data.classes)  # refused before the training starts
    drawn = frozenset(record.id for record in corrected)
    files = [_file(folder, decided.corrected, record) for record in records]
    return Supervision(records, partial(_read, folder, decided.corrected), files, drawn)


def _file(folder: Path, corrected: Mapping[str, Path], record: Record) -> Path:
    return corrected.get(record.id, folder / f"{record.id}.png")


def _read(folder: Path, corrected: Mapping[str, Path], record: Record) -> np.ndarray:
    """A function of the module, which pickles: data workers may be processes that are started afresh."""
    return read_labels(_file(folder, corrected, record))
