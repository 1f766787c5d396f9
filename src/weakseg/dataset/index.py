"""The index: the only thing later stages know of a data set.

`index.csv` has one row per image: id, split, labels, SHA-256 of the image. `classes.csv` has one row per class: index,
name and the value that stands for the class in the masks. Mask values that it does not list are not scored.
`masks.csv` has one row per mask: id and SHA-256. `files.csv` has the rows of the index with the paths of their files.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weakseg.dataset.files import Found, not_looked_at, write_files
from weakseg.dataset.records import AGAIN, COLUMNS, Record, Records
from weakseg.dataset.tables import read_rows, write_rows
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels

CLASS_COLUMNS = ("index", "name", "mask_value")
MASK_COLUMNS = ("id", "mask_sha256")


@dataclass(frozen=True)
class BadImage:
    """An image of the table that cannot be used, and the sentence that says why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Index:
    """All images of a data set and its classes.

    Attributes:
        records: in the order of the file.
        classes: names without background; class i of a label map is `classes[i - 1]`.
        mask_values: value of class i in the mask files, background first.
        bad: images that were left out; an index that was read from its files has none.
        notes: what was understood and what looks odd, a sentence each; read from its files, it has none.
        largest: height and width of the largest image that was opened; 0 and 0 if none was.
    """

    records: Sequence[Record]
    classes: tuple[str, ...]
    mask_values: tuple[int, ...]
    bad: Sequence[BadImage] = ()
    notes: Sequence[str] = field(default=(), compare=False)
    largest: tuple[int, int] = field(default=(0, 0), compare=False)

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
        return labels


@dataclass(frozen=True)
class Offer:
    """What a source offers; no image was opened.

    Attributes:
        index: the images that exist; `bad` has the others.
        highest: the largest value besides 255 that may stand in a mask.
        key: the section of the configuration that names masks and classes, if the source does not fix them.
        spared: id → classes that an image's mask may show although its labels do not name them.
    """

    index: Index
    highest: int
    key: str = ""
    spared: Mapping[str, Collection[str]] = field(default_factory=dict)


def proxy_records(index: Index) -> Sequence[Record]:
    """The images that get maps and proxy labels: training and validation, in the order of the index.

    Validation proxies are for looking at; nothing trains on them.
    """
    return index.split("train", "val")


def shard(records: Sequence[Record], item: str) -> list[Record]:
    """The part of the records that a scatter item such as `2-of-8` stands for; parts differ by one at most.

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


def write_index(folder: Path, index: Index, found: Sequence[Found] | None = None) -> None:
    """Write `classes.csv`, `files.csv` and `index.csv` into `folder`, each atomically, the index last.

    Args:
        folder: where to.
        index: the images that can be used.
        found: their files. Without it the files are not looked at, and the columns that say what was seen are empty.
    """
    named = zip(("background", *index.classes), index.mask_values, strict=True)
    classes = ((number, name, value) for number, (name, value) in enumerate(named))
    write_rows(folder / "classes.csv", CLASS_COLUMNS, classes)
    files = [not_looked_at(record) for record in index.records] if found is None else found
    write_files(folder, index.records, files)
    write_rows(folder / "index.csv", COLUMNS, index_rows(index, files))


def index_rows(index: Index, found: Sequence[Found]) -> list[tuple[str, str, str, str]]:
    """The rows of `index.csv`: what the images are, whatever their place."""
    return [
        (record.id, record.split, "|".join(record.labels), item.image.sha256)
        for record, item in zip(index.records, found, strict=True)
    ]


def write_masks(path: Path, index: Index, found: Sequence[Found]) -> None:
    """Write the list of masks, atomically: what reads masks depends on it."""
    rows = (
        (record.id, files.mask.sha256)
        for record, files in zip(index.records, found, strict=True)
        if files.mask is not None
    )
    write_rows(path, MASK_COLUMNS, rows)


def write_bad(path: Path, bad: Sequence[BadImage]) -> None:
    """Write the list of bad images, atomically; without any remove it."""
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
