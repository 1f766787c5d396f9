"""The declared output of a shard of label PNGs: a CSV that lists what was written."""

import csv
from collections.abc import Iterable
from pathlib import Path

from weakseg.storage.atomic import atomic_path


def write_manifest(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write rows as they come; the file appears when the last image is done.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    done = list(rows)  # label PNGs are written while the rows are made; the manifest comes last
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(done)
