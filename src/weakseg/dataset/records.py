"""The rows of an index, read when they are asked for: ten million images cost megabytes, not gigabytes."""

import csv
import mmap
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from weakseg.errors import InputError

COLUMNS = ("id", "image", "split", "labels", "mask")
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
    """The records of an `index.csv`, or some of them. Kept are where each row starts, and its split.

    Args:
        path: the file; it stays as it is while this lives.

    Raises:
        InputError: the file is missing, lacks its columns or was cut short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            starts, splits = _scan(path)
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}); run the dataset stage first."
            ) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} is damaged ({error}); {AGAIN}.") from None
        self._ends = np.frombuffer(starts, np.int64)
        self._splits = np.frombuffer(splits, np.int8)
        self._rows = np.arange(len(self._splits))
        self._open()

    def _open(self) -> None:
        with self.path.open("rb") as file:
            self._file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}

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
        return _record(_fields(self._file[self._ends[row] : self._ends[row + 1]]))

    def __iter__(self) -> Iterator[Record]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence) and len(self) == len(other) and all(map(Record.__eq__, self, other))
        )

    def of(self, *splits: str) -> "Records":
        """Those of some splits, in order."""
        return self._only(
            self._rows[np.isin(self._splits[self._rows], [SPLITS.index(name) for name in splits])]
        )

    def _only(self, rows: np.ndarray) -> "Records":
        part = object.__new__(Records)
        part.__dict__ |= self.__dict__ | {"_rows": rows}
        return part


def _scan(path: Path) -> "tuple[array[int], array[int]]":
    """Where each row ends, the header's end first, and its split as a number."""
    ends, splits = array("q"), array("b")
    with path.open("rb") as file:
        header = file.readline()
        found = _fields(header) if header else None
        if found != [*COLUMNS]:
            raise InputError(f"{path} has the columns {found}; {', '.join(COLUMNS)} were expected: {AGAIN}.")
        end = len(header)
        ends.append(end)
        for number, line in enumerate(file, start=2):
            fields = _fields(line)
            if len(fields) != len(COLUMNS) or fields[2] not in SPLITS or not line.endswith(b"\n"):
                raise InputError(f"{path} line {number} is damaged; {AGAIN}.")
            end += len(line)
            ends.append(end)
            splits.append(SPLITS.index(fields[2]))
    return ends, splits


def _fields(line: bytes) -> list[str]:
    text = line.decode()
    return next(csv.reader([text])) if '"' in text else text.rstrip("\r\n").split(",")


def _record(fields: list[str]) -> Record:
    image_id, image, split, labels, mask = fields
    names = tuple(name for name in labels.split("|") if name)
    return Record(image_id, Path(image), split, names, Path(mask) if mask else None)
