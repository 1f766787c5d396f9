"""`files.csv`: the paths of all images and masks, with the size, time and SHA-256 that each file had when it was read.

A file of the same name, size and time is not read again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weakseg.dataset.records import FILE_COLUMNS, Record
from weakseg.dataset.tables import read_rows, write_rows
from weakseg.errors import InputError

FILES = "files.csv"
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


@dataclass(frozen=True)
class KnownFiles:
    """The content of `files.csv`: id → the files of that image, in the order of the index."""

    rows: Mapping[str, ImageFiles]

    @property
    def known(self) -> Known:
        """All files that were read."""
        return {
            (file.path.name, file.size, file.time): file.sha256
            for files in self.rows.values()
            for file in (files.image, files.mask)
            if file is not None
        }


def read_files(folder: Path) -> KnownFiles:
    """Read `files.csv`; empty if it is missing or damaged."""
    try:
        rows = read_rows(folder / FILES, FILE_COLUMNS)
        return KnownFiles(
            {
                row["id"]: ImageFiles(_state(row, "image"), _state(row, "mask") if row["mask"] else None)
                for row in rows
            }
        )
    except (InputError, ValueError):
        return KnownFiles({})


def _state(row: Mapping[str, str], kind: str) -> FileState:
    return FileState(
        Path(row[kind]), int(row[f"{kind}_size"]), int(row[f"{kind}_time"]), row[f"{kind}_sha256"]
    )
