"""Opens images that are new or changed, on all cores, and keeps what was seen, so that a kill costs seconds.

What was seen of an image is appended to `looked.csv` as it comes. `files.csv` and `pictures.csv`, which are written at
the end, hold the same; then the file is removed.
"""

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2

from weakseg.dataset.files import read_files
from weakseg.dataset.images import read_image
from weakseg.dataset.pictures import Picture, picture, read_pictures
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.progress import tracked

JOURNAL = "looked.csv"
MANY = 200
"""Number of new images above which several processes open them."""
CHUNK = 32
"""Images that a process opens before it tells what it saw."""
State = tuple[str, int, int]
"""Name of a file, its size in bytes and its time in nanoseconds."""
Row = tuple[str, int, int, str, int, int, str]
"""A file's state, its SHA-256, and height, width and look of its picture; 0, 0 and nothing where it is none."""


@dataclass(frozen=True)
class Looked:
    """What is known of images without opening them.

    Attributes:
        known: state of a file → its SHA-256.
        pictures: SHA-256 of an image → its size and look.
    """

    known: dict[State, str]
    pictures: dict[str, Picture]


def look(
    records: Sequence[Record], folder: Path, output: Path | None = None, processes: int | None = None
) -> Looked:
    """Open the images that are new or changed, if they are many; what is known of all.

    Args:
        records: the images.
        folder: of their index.
        output: what this is for; its progress file lies beside it. `None` for no such file.
        processes: that open images; `None`: one for each core.
    """
    looked = Looked({**read_files(folder).known}, read_pictures(folder))
    for row in _journal(folder):
        _keep(looked, row)
    new = [str(record.image) for record in records if not _is_known(looked, record.image)]
    if len(new) > MANY:
        with (folder / JOURNAL).open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            rows = _rows(new, processes or cores())
            for row in rows if output is None else tracked(rows, output, len(new)):
                writer.writerow(row)
                _keep(looked, row)
    return looked


def forget(folder: Path) -> None:
    """Remove what was kept while images were opened."""
    (folder / JOURNAL).unlink(missing_ok=True)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep(looked: Looked, row: Row) -> None:
    name, size, time, sha256, height, width, seen = row
    looked.known[name, size, time] = sha256
    if height:
        looked.pictures[sha256] = Picture(height, width, seen)


def _is_known(looked: Looked, path: Path) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return True  # the error comes when it is opened
    return looked.known.get((path.name, stat.st_size, stat.st_mtime_ns)) in looked.pictures


def _journal(folder: Path) -> Iterator[Row]:
    """The rows that an earlier start wrote; a row that was cut off is left out."""
    try:
        with (folder / JOURNAL).open(encoding="utf-8", newline="") as file:
            for values in csv.reader(file):
                if len(values) == 7 and len(values[3]) == 64:
                    name, size, time, sha256, height, width, seen = values
                    yield name, int(size), int(time), sha256, int(height), int(width), seen
    except (OSError, ValueError, csv.Error):
        return


def _rows(paths: Sequence[str], processes: int) -> Iterator[Row]:
    """What several processes see, in order."""
    parts = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    with ProcessPoolExecutor(processes, initializer=cv2.setNumThreads, initargs=(0,)) as pool:
        for found in pool.map(_look, parts):
            yield from found


def _look(paths: Sequence[str]) -> list[Row]:
    """What is seen of each image; nothing of a file that cannot be read."""
    rows: list[Row] = []
    for path in map(Path, paths):
        try:
            stat = path.stat()
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            continue
        try:
            seen = picture(read_image(path))
        except InputError:
            seen = Picture(0, 0, "")
        rows.append((path.name, stat.st_size, stat.st_mtime_ns, sha256, seen.height, seen.width, seen.look))
    return rows
