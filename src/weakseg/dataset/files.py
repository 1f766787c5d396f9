"""Where the files of a data set lie, and what was seen of each.

`files.csv` has the rows of the index with the paths of image and mask, and the size, time and SHA-256 that each file
had when it was read. A file of the same name, size and time is not read again.
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
class Seen:
    """A file as it was found.

    Attributes:
        path: where it lies.
        size: bytes.
        time: of its last change, nanoseconds.
        sha256: of its content.
    """

    path: Path
    size: int
    time: int
    sha256: str


@dataclass(frozen=True)
class Found:
    """The files of one image."""

    image: Seen
    mask: Seen | None


def not_looked_at(record: Record) -> Found:
    """The files of a record, of which nothing but their paths is known."""
    mask = None if record.mask is None else Seen(record.mask, 0, 0, "")
    return Found(Seen(record.image, 0, 0, ""), mask)


def find_files(
    records: Iterable[Record], known: Known, tell: Callable[[int], None] = lambda _: None
) -> list[Found]:
    """Look at the files of all records; read those that are not known.

    Args:
        records: what is offered. A file that cannot be read has no SHA-256: who opens it says why.
        known: files that were read before.
        tell: is called with the number of files read so far, after each.
    """
    count = 0

    def seen(path: Path) -> Seen:
        nonlocal count
        size = time = 0
        with suppress(OSError):
            state = path.stat()
            size, time = state.st_size, state.st_mtime_ns
            if sha256 := known.get((path.name, size, time)):
                return Seen(path, size, time, sha256)
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            count += 1
            tell(count)
            return Seen(path, size, time, sha256)
        return Seen(path, size, time, "")

    return [
        Found(seen(record.image), None if record.mask is None else seen(record.mask)) for record in records
    ]


def write_files(folder: Path, records: Sequence[Record], found: Sequence[Found]) -> None:
    """Write `files.csv`, atomically: a row for each record, in the order of the index."""

    def rows() -> Iterator[Sequence[object]]:
        for record, files in zip(records, found, strict=True):
            yield record.id, *_fields(files.image), *_fields(files.mask)

    write_rows(folder / FILES, FILE_COLUMNS, rows())


def _fields(seen: Seen | None) -> tuple[object, ...]:
    return ("",) * 4 if seen is None else (seen.path.as_posix(), seen.size, seen.time, seen.sha256)


@dataclass(frozen=True)
class Remembered:
    """What `files.csv` says.

    Attributes:
        rows: id → the files of that image, in the order of the index.
    """

    rows: Mapping[str, Found]

    @property
    def known(self) -> Known:
        """All files that were read."""
        files = [
            seen for found in self.rows.values() for seen in (found.image, found.mask) if seen is not None
        ]
        return {(seen.path.name, seen.size, seen.time): seen.sha256 for seen in files}

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """SHA-256 of each image and of its mask, "" without one: looked at together and found good."""
        return frozenset(
            (found.image.sha256, "" if found.mask is None else found.mask.sha256)
            for found in self.rows.values()
        )


def read_files(folder: Path) -> Remembered:
    """What is remembered of the files; nothing where there is no `files.csv`, or a damaged one."""
    try:
        rows = read_rows(folder / FILES, FILE_COLUMNS)
        return Remembered({row["id"]: Found(_seen(row, "image"), _seen_mask(row)) for row in rows})
    except (InputError, ValueError):
        return Remembered({})


def _seen(row: Mapping[str, str], kind: str) -> Seen:
    return Seen(Path(row[kind]), int(row[f"{kind}_size"]), int(row[f"{kind}_time"]), row[f"{kind}_sha256"])


def _seen_mask(row: Mapping[str, str]) -> Seen | None:
    return _seen(row, "mask") if row["mask"] else None
