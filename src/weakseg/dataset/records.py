"""The rows of an index, read on demand: ten million images need megabytes instead of gigabytes."""

import csv
import mmap
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from weakseg.errors import InputError

COLUMNS = ("id", "split", "labels", "image_sha256")
"""Columns of `index.csv`."""
FILE_COLUMNS = (
    *("id", "image", "image_size", "image_time", "image_sha256"),
    *("mask", "mask_size", "mask_time", "mask_sha256"),
)
"""Columns of `files.csv`: path of each file, its size in bytes, its time in nanoseconds, its SHA-256."""
SPLITS = ("train", "val", "saliency")
AGAIN = "run 'weakseg dataset index' again"


@dataclass(frozen=True)
class Record:
    """One image: its id, file, split, present class names, and mask file if it has one.

    In the split `saliency` the mask is class-agnostic: every value but 0 and 255 is foreground.
    """

    id: str
    image: Path
    split: str
    labels: tuple[str, ...]
    mask: Path | None


class Records(Sequence[Record]):
    """The records of an `index.csv`, or some of them. Memory holds the start and split of each row.

    Args:
        path: the file; `files.csv` in its folder has the same rows in the same order. Neither may change meanwhile.

    Raises:
        InputError: a file is missing, truncated or has other columns, or the two differ in their number of rows.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.files_path = path, path.with_name("files.csv")
        self._rows_of_index, splits = _scan(path, COLUMNS)
        self._rows_of_files, _ = _scan(self.files_path, FILE_COLUMNS)
        if len(self._rows_of_files) != len(self._rows_of_index):
            raise InputError(f"{self.files_path} has other images than {path}; {AGAIN}.")
        self._splits = np.frombuffer(splits, np.int8)
        self._rows = np.arange(len(self._splits))
        self._open()

    def _open(self) -> None:
        self._index, self._files = (_mapped(path) for path in (self.path, self.files_path))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_index", "_files")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._open()

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Records": ...
    def __getitem__(self, place: int | slice) -> "Record | Records":
        if isinstance(place, slice):
            return self._only(self._rows[place])
        row = self._rows[place]
        image_id, split, labels, _ = _row(self._index, self._rows_of_index, row)
        file_id, image, _, _, _, mask, *_ = _row(self._files, self._rows_of_files, row)
        if file_id != image_id:
            raise InputError(
                f"{self.files_path} has '{file_id}' where {self.path} has '{image_id}'; {AGAIN}."
            )
        names = tuple(name for name in labels.split("|") if name)
        return Record(image_id, Path(image), split, names, Path(mask) if mask else None)

    def __iter__(self) -> Iterator[Record]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence) and len(self) == len(other) and all(map(Record.__eq__, self, other))
        )

    def of(self, *splits: str) -> "Records":
        """The records of one or more splits, in order."""
        return self._only(
            self._rows[np.isin(self._splits[self._rows], [SPLITS.index(name) for name in splits])]
        )

    def _only(self, rows: np.ndarray) -> "Records":
        part = object.__new__(Records)
        part.__dict__ |= self.__dict__ | {"_rows": rows}
        return part


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _row(file: mmap.mmap, ends: np.ndarray, row: int) -> list[str]:
    return _fields(file[ends[row] : ends[row + 1]])


def _scan(path: Path, columns: Sequence[str]) -> "tuple[np.ndarray, array[int]]":
    """The end of the header and of each row, in bytes, and the number of each row's split (if any)."""
    try:
        return _scan_lines(path, columns)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); run the dataset stage first.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); {AGAIN}.") from None


def _scan_lines(path: Path, columns: Sequence[str]) -> "tuple[np.ndarray, array[int]]":
    ends, splits = array("q"), array("b")
    place = columns.index("split") if "split" in columns else None
    with path.open("rb") as file:
        header = file.readline()
        found = _fields(header) if header else None
        if found != [*columns]:
            raise InputError(f"{path} has the columns {found}; {', '.join(columns)} were expected: {AGAIN}.")
        end = len(header)
        ends.append(end)
        for number, line in enumerate(file, start=2):
            fields = _fields(line)
            good = len(fields) == len(columns) and (place is None or fields[place] in SPLITS)
            if not good or not line.endswith(b"\n"):
                raise InputError(f"{path} line {number} is damaged; {AGAIN}.")
            end += len(line)
            ends.append(end)
            if place is not None:
                splits.append(SPLITS.index(fields[place]))
    return np.frombuffer(ends, np.int64), splits


def _fields(line: bytes) -> list[str]:
    text = line.decode()
    return next(csv.reader([text])) if '"' in text else text.rstrip("\r\n").split(",")
