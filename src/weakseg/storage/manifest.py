"""The declared output of a shard of label PNGs: a CSV that lists them."""

import csv
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from weakseg.storage.atomic import atomic_path


def digest(labels: np.ndarray) -> str:
    """CRC-32 of a label map, eight hexadecimal digits.

    The workflow compares manifests by content. Without a digest, changed labels with the same shares would look
    unchanged, and a segmenter trained on the old ones would be kept.
    """
    return f"{zlib.crc32(labels.tobytes()):08x}"


def write_manifest(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write the manifest when all rows are made.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    done = list(rows)  # label PNGs are written while the rows are made; the manifest comes last
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(done)
