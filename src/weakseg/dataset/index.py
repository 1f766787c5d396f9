"""The index: the only thing later stages know of a data set.

`index.csv` has one row per image: id, image, split, labels, mask. `classes.csv` has one row per class: index,
name and the value that stands for the class in the masks. Mask values that it does not list are not scored.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from weakseg.dataset.records import AGAIN, COLUMNS, Record, Records
from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path
from weakseg.storage.labels import UNDECIDED, read_labels

CLASS_COLUMNS = ("index", "name", "mask_value")


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
    """

    records: Sequence[Record]
    classes: tuple[str, ...]
    mask_values: tuple[int, ...]
    bad: Sequence[BadImage] = ()
    notes: Sequence[str] = field(default=(), compare=False)

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


def write_index(folder: Path, index: Index) -> None:
    """Write `index.csv` and `classes.csv` into `folder`, atomically, the index last."""
    named = zip(("background", *index.classes), index.mask_values, strict=True)
    classes = ((number, name, value) for number, (name, value) in enumerate(named))
    _write(folder / "classes.csv", CLASS_COLUMNS, classes)
    _write(folder / "index.csv", COLUMNS, map(_fields, index.records))


def write_bad(path: Path, bad: Sequence[BadImage]) -> None:
    """Write the list of bad images, atomically; without any remove it."""
    if bad:
        _write(path, ("id", "reason"), ((item.id, item.reason) for item in bad))
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _fields(record: Record) -> tuple[str, ...]:
    mask = "" if record.mask is None else record.mask.as_posix()
    return record.id, record.image.as_posix(), record.split, "|".join(record.labels), mask


def read_index(index_path: Path, classes_path: Path) -> Index:
    """Read what `write_index` wrote.

    Raises:
        InputError: a file is missing, lacks its columns or was cut short.
    """
    classes = _rows(classes_path, CLASS_COLUMNS)
    records = Records(index_path)
    try:
        mask_values = tuple(int(row["mask_value"]) for row in classes)
    except ValueError as error:
        raise InputError(f"{classes_path} has a mask_value that is no number ({error}); {AGAIN}.") from None
    return Index(records, tuple(row["name"] for row in classes[1:]), mask_values)


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if list(reader.fieldnames or []) != list(columns):
                raise InputError(
                    f"{path} has the columns {reader.fieldnames}; {', '.join(columns)} were expected: {AGAIN}."
                )
            rows = list(reader)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); run the dataset stage first.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); {AGAIN}.") from None
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path} line {number} is damaged; {AGAIN}.")
    return rows
