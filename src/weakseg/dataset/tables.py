"""Reads and writes weakseg's own CSV tables."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from weakseg.dataset.records import AGAIN
from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def read_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table that `write_rows` wrote.

    Raises:
        InputError: missing, with other columns or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, None)
            if header != list(columns):
                raise InputError(
                    f"{path} has the columns {header}; {', '.join(columns)} were expected: {AGAIN}."
                )
            rows = [row for row in reader if row]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); run the dataset stage first.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); {AGAIN}.") from None
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            raise InputError(f"{path} line {number} is damaged; {AGAIN}.")
    return [dict(zip(columns, row, strict=True)) for row in rows]
