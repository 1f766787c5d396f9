"""Which class each value of the masks is, told by the images' labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED, read_labels

SAMPLE = 1000
"""Masks that are read, which takes some seconds."""
LEAST = 0.8
"""Least overlap (IoU) of the images that hold a value and those labelled with its class; a few disagree in any data."""


def mask_classes(masks: Path, records: Sequence[Record], classes: Sequence[str]) -> list[str] | str:
    """Class names in the order of the masks' values 1, 2, …; a value of no class is `value-7`.

    Args:
        masks: folder of the masks.
        records: the images.
        classes: all classes of the labels.

    Returns:
        The names, or why the masks do not tell them.
    """
    masked = [record for record in records if (masks / f"{record.id}.png").is_file()]
    chosen = masked[:: -(-len(masked) // SAMPLE)] if masked else []
    with_value: dict[int, set[str]] = {}
    for record in chosen:
        try:
            values = np.unique(read_labels(masks / f"{record.id}.png"))
        except InputError as error:
            return str(error)
        for value in {*values.tolist()} - {0, UNDECIDED}:
            with_value.setdefault(value, set()).add(record.id)
    labelled = {name: {record.id for record in chosen if name in record.labels} for name in classes}
    overlaps = {
        (value, name): len(ids & labelled[name]) / len(ids | labelled[name])
        for value, ids in with_value.items()
        for name in classes
    }
    named = _best(overlaps)
    lacking = [name for name in classes if name not in named.values()]
    if lacking:
        return f"no value of theirs occurs in the images labelled {lacking[0]} and in no others"
    return [named.get(value, f"value-{value}") for value in range(1, max(with_value) + 1)]


def _best(overlaps: dict[tuple[int, str], float]) -> dict[int, str]:
    """Value → class, the best pairs first."""
    named: dict[int, str] = {}
    for (value, name), overlap in sorted(overlaps.items(), key=lambda item: -item[1]):
        if overlap >= LEAST and value not in named and name not in named.values():
            named[value] = name
    return named
