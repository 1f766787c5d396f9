"""The tables of a classifier's scores beside its attention maps."""

import csv
from collections.abc import Sequence
from pathlib import Path

from weakseg.errors import InputError


def read_class_scores(tables: Sequence[Path], classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """Image id → class → score.

    Args:
        tables: one for each shard; without rows where no classifier made the maps.
        classes: all class names.

    Raises:
        InputError: a table is missing, damaged or lacks a class.
    """
    found: dict[str, dict[str, float]] = {}
    for path in tables:
        try:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    found[row["id"]] = {name: float(row[name]) for name in classes}
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise InputError(
                f"the class scores {path} cannot be read ({error!r}); a table with id and {', '.join(classes)} "
                "was expected: make the attention maps again."
            ) from None
    return found
