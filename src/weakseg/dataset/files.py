"""`files.csv`: the paths of all images and masks, with the size, time and SHA-256 that each file had when it was read.

A file of the same name, size and time is not read again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from weakseg.dataset.records import FILE_COLUMNS, Record
from weakseg.dataset.tables import read_rows, write_rows
from weakseg.errors import InputError

FILES = "files.csv"
_IMAGE, _MASK = FILE_COLUMNS.index("image"), FILE_COLUMNS.index("mask")
Known = Mapping[tuple[str, int, int], str]
"""Name, size and time of a file → its SHA-256."""


@dataclass(frozen=True)
class FileState:
    """A file's path and its state when it was read.

    Attributes:
        path: where it lies.
        size: bytes.
        time: last modification, nanoseconds.
        sha256: of its content.
    """

    path: Path
    size: int
    time: int
    sha256: str


@dataclass(frozen=True)
class ImageFiles:
    """The files of one image."""

    image: FileState
    mask: FileState | None


def paths_only(record: Record) -> ImageFiles:
    """The files of a record without size, time and SHA-256."""
    mask = None if record.mask is None else FileState(record.mask, 0, 0, "")
    return ImageFiles(FileState(record.image, 0, 0, ""), mask)


def scan_files(
    records: Iterable[Record], known: Known, progress: Callable[[int], None] = lambda _: None
) -> list[ImageFiles]:
    """The state of all files; unknown ones are read.

    Args:
        records: the images. An unreadable file gets an empty SHA-256; the error comes when it is opened.
        known: files that were read before.
        progress: called after each file that is read, with their number so far.
    """
    count = 0

    def state(path: Path) -> FileState:
        nonlocal count
        size = time = 0
        with suppress(OSError):
            stat = path.stat()
            size, time = stat.st_size, stat.st_mtime_ns
            if sha256 := known.get((path.name, size, time)):
                return FileState(path, size, time, sha256)
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            count += 1
            progress(count)
            return FileState(path, size, time, sha256)
        return FileState(path, size, time, "")

    return [
        ImageFiles(state(record.image), None if record.mask is None else state(record.mask))
        for record in records
    ]


def write_files(folder: Path, records: Sequence[Record], found: Sequence[ImageFiles]) -> None:
    """Write `files.csv`, atomically: a row for each record, in the order of the index."""

    def rows() -> Iterator[Sequence[object]]:
        for record, files in zip(records, found, strict=True):
            yield record.id, *_fields(files.image), *_fields(files.mask)

    write_rows(folder / FILES, FILE_COLUMNS, rows())


def _fields(state: FileState | None) -> tuple[object, ...]:
    return ("",) * 4 if state is None else (state.path.as_posix(), state.size, state.time, state.sha256)


class KnownFiles:
    """The content of `files.csv`.

    Args:
        lines: the values of each row, by id, in the order of the index.

    Attributes:
        known: all files that were read.

    Raises:
        ValueError: a size or time is no number.
    """

    def __init__(self, lines: dict[str, list[str]]) -> None:
        self._lines = lines
        self.known: Known = {
            (values[place].rpartition("/")[2], int(values[place + 1]), int(values[place + 2])): values[
                place + 3
            ]
            for values in lines.values()
            for place in (_IMAGE, _MASK)
            if values[place]
        }

    @cached_property
    def rows(self) -> Mapping[str, ImageFiles]:
        """Id → the files of that image; made on demand, as a `Path` for each of 100,000 takes a second."""
        return {
            key: ImageFiles(_state(values, _IMAGE), _state(values, _MASK) if values[_MASK] else None)
            for key, values in self._lines.items()
        }

    def holds(self, image_id: str, files: ImageFiles, *, masks: bool) -> bool:
        """Whether the row of an image says just this; `masks`: of its mask too, if the row has one."""
        values = self._lines[image_id]
        is_same = list(values[_IMAGE:_MASK]) == [str(value) for value in _fields(files.image)]
        if not masks or not values[_MASK]:
            return is_same
        return is_same and list(values[_MASK:]) == [str(value) for value in _fields(files.mask)]

    def ids(self) -> KeysView[str]:
        """The ids of the index."""
        return self._lines.keys()


def read_files(folder: Path) -> KnownFiles:
    """Read `files.csv`; empty if it is missing or damaged."""
    try:
        return KnownFiles({row["id"]: [*row.values()] for row in read_rows(folder / FILES, FILE_COLUMNS)})
    except (InputError, ValueError):
        return KnownFiles({})


def _state(values: Sequence[str], place: int) -> FileState:
    return FileState(Path(values[place]), int(values[place + 1]), int(values[place + 2]), values[place + 3])
