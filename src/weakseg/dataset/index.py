"""The index: the only thing later stages know of a data set.

`index.csv` has one row per image: id, split, labels, SHA-256 of the image. `classes.csv` has one row per class: index,
name and mask value. Mask values that it does not list are not scored.
`masks.csv` has one row per mask: id and SHA-256. `files.csv` has the rows of the index with the paths of their files.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weakseg.dataset.faults import BadImage
from weakseg.dataset.files import ImageFiles, paths_only, write_files
from weakseg.dataset.images import nodata_pixels
from weakseg.dataset.pictures import Picture
from weakseg.dataset.records import AGAIN, COLUMNS, Record, Records
from weakseg.dataset.tables import read_rows, write_rows
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels

if TYPE_CHECKING:
    from weakseg.dataset.masking import Drawing

CLASS_COLUMNS = ("index", "name", "mask_value")
MASK_COLUMNS = ("id", "mask_sha256")


@dataclass(frozen=True)
class Index:
    """All images of a data set and its classes.

    Attributes:
        records: in the order of the file.
        classes: names without background; class i of a label map is `classes[i - 1]`.
        mask_values: value of class i in the mask files, background first.
        bad: images that were left out; empty if the index was read from its files.
        notes: remarks about the data, a sentence each; empty if the index was read from its files.
        pictures: id → size and look of each image that was opened; empty if the index was read from its files.
    """

    records: Sequence[Record]
    classes: tuple[str, ...]
    mask_values: tuple[int, ...]
    bad: Sequence[BadImage] = ()
    notes: Sequence[str] = field(default=(), compare=False)
    pictures: Mapping[str, Picture] = field(default_factory=dict, compare=False)

    @property
    def largest(self) -> tuple[int, int]:
        """Height and width of the largest opened image; 0 and 0 if none was opened."""
        return max((item.size for item in self.pictures.values()), key=math.prod, default=(0, 0))

    def split(self, *names: str) -> Sequence[Record]:
        """The records of one split or several, in order."""
        if isinstance(self.records, Records):
            return self.records.of(*names)
        return [record for record in self.records if record.split in names]

    def class_vector(self, record: Record) -> np.ndarray:
        """Which classes are present, `float32` C."""
        return np.array([name in record.labels for name in self.classes], np.float32)

    def read_mask(self, record: Record) -> np.ndarray:
        """The true labels, H×W `uint8`, 255 where not scored.

        Raises:
            InputError: the record has no mask or it cannot be read.
        """
        if record.mask is None:
            raise InputError(f"image '{record.id}' has no mask, but one is needed here.")
        lookup = np.full(256, UNDECIDED, np.uint8)
        lookup[list(self.mask_values)] = np.arange(len(self.mask_values), dtype=np.uint8)
        labels: np.ndarray = lookup[read_labels(record.mask)]
        return without_nodata(labels, record)


def without_nodata(labels: np.ndarray, record: Record) -> np.ndarray:
    """Labels H×W with 255 where the image shows nothing measured, so that none is trained on or scored."""
    nodata = nodata_pixels(record.image)
    if nodata is not None and nodata.shape == labels.shape:
        labels[nodata] = UNDECIDED
    return labels


@dataclass(frozen=True)
class Listing:
    """The images and masks of a source, none of them opened yet.

    Attributes:
        index: the images that exist; `bad` has the missing ones.
        highest: the largest valid mask value besides 255.
        key: configuration section that names masks and classes; empty if the source fixes them.
        tolerated: id → classes that an image's mask may show although its labels do not name them.
        drawing: the masks that are drawn from other files at the indexing.
    """

    index: Index
    highest: int
    key: str = ""
    tolerated: Mapping[str, Collection[str]] = field(default_factory=dict)
    drawing: "Drawing | None" = None


def proxy_records(index: Index) -> Sequence[Record]:
    """The images that get maps and proxy labels: training and validation, in the order of the index.

    Validation proxies are for inspection; nothing trains on them.
    """
    return index.split("train", "val")


def shard(records: Sequence[Record], item: str) -> list[Record]:
    """The records of one shard, given as `2-of-8`; shard sizes differ by at most one.

    Raises:
        InputError: the item is not `i-of-n` with 1 ≤ i ≤ n.
    """
    try:
        part, count = (int(number) for number in item.split("-of-"))
    except ValueError:
        part = count = 0
    if not 1 <= part <= count:
        raise InputError(f"shard '{item}' was given; 'i-of-n' such as '2-of-8' was expected.")
    return list(records[len(records) * (part - 1) // count : len(records) * part // count])


def write_index(folder: Path, index: Index, found: Sequence[ImageFiles] | None = None) -> None:
    """Write `classes.csv`, `files.csv` and `index.csv` into `folder`, each atomically, the index last.

    Args:
        folder: the output folder.
        index: the usable images.
        found: their files; without them only paths are written, no sizes, times and SHA-256.
    """
    named = zip(("background", *index.classes), index.mask_values, strict=True)
    classes = ((number, name, value) for number, (name, value) in enumerate(named))
    write_rows(folder / "classes.csv", CLASS_COLUMNS, classes)
    files = [paths_only(record) for record in index.records] if found is None else found
    write_files(folder, index.records, files)
    write_rows(folder / "index.csv", COLUMNS, index_rows(index, files))


def index_rows(index: Index, found: Sequence[ImageFiles]) -> list[tuple[str, str, str, str]]:
    """The rows of `index.csv`, independent of where the files are."""
    return [
        (record.id, record.split, "|".join(record.labels), item.image.sha256)
        for record, item in zip(index.records, found, strict=True)
    ]


def write_masks(path: Path, index: Index, found: Sequence[ImageFiles]) -> None:
    """Write the list of masks, atomically; stages that read masks depend on it."""
    rows = (
        (record.id, files.mask.sha256)
        for record, files in zip(index.records, found, strict=True)
        if files.mask is not None
    )
    write_rows(path, MASK_COLUMNS, rows)


def write_bad(path: Path, bad: Sequence[BadImage]) -> None:
    """Write the list of bad images, atomically; remove it if there are none."""
    if bad:
        write_rows(path, ("id", "reason"), ((item.id, item.reason) for item in bad))
    else:
        path.unlink(missing_ok=True)


def read_index(index_path: Path, classes_path: Path) -> Index:
    """Read what `write_index` wrote.

    Raises:
        InputError: a file is missing, lacks its columns or was cut short.
    """
    classes = read_rows(classes_path, CLASS_COLUMNS)
    records = Records(index_path)
    try:
        mask_values = tuple(int(row["mask_value"]) for row in classes)
    except ValueError as error:
        raise InputError(
            f"{classes_path} has a mask_value that is not a number ({error}); {AGAIN}."
        ) from None
    return Index(records, tuple(row["name"] for row in classes[1:]), mask_values)
