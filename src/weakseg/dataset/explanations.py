"""Guesses what mask values mean when they contradict the labels."""

from collections.abc import Mapping, Sequence

import numpy as np

from weakseg.dataset.wording import Cases
from weakseg.storage.labels import UNDECIDED

AGREEMENT = 0.9
"""Share of masks that a guess must explain exactly to be suggested."""
_MOST_LISTED = 8  # classes that a suggestion lists
Pairs = Sequence[tuple[tuple[frozenset[int], frozenset[int]], Cases]]
"""(values of the classes that a row names, all values of its mask) with the masks that have them."""


def meanings(pairs: Pairs, classes: Mapping[str, int]) -> str:
    """`0 meant background, 1 dog, 2 cat`: the assignment that makes masks and labels agree; empty without one.

    Classes are assigned greedily to mask values, by the F1 of their co-occurrence over the masks. The assignment must
    explain nine tenths of the masks.

    Args:
        pairs: of the images whose rows name a class.
        classes: name → value by the configuration.
    """
    names = {0: "background"} | {value: name for name, value in classes.items()}
    reading = _reading(pairs, names)
    explained = sum(cases.count for (wanted, values), cases in pairs if _agrees(wanted, values, reading))
    usual = all(number == value for number, value in reading.items())
    if usual or explained < AGREEMENT * sum(cases.count for _, cases in pairs):
        return ""
    pairs_by_value = sorted((value, names[number]) for number, value in reading.items())
    (value, name), *rest = pairs_by_value[:_MOST_LISTED]
    more = len(pairs_by_value) - _MOST_LISTED
    listed = ", ".join([f"{value} meant {name}", *(f"{value} {name}" for value, name in rest)])
    return listed + (f" and {more} more" if more > 0 else "")


def _reading(pairs: Pairs, names: Mapping[int, str]) -> dict[int, int]:
    """Configured class number (0: background) → the mask value that co-occurs with it best."""
    together = np.zeros((256, 256))
    named, shown = np.zeros(256), np.zeros(256)
    for (wanted, values), cases in pairs:
        numbers, held = [0, *wanted], [*values]
        together[np.ix_(numbers, held)] += cases.count
        named[numbers] += cases.count
        shown[held] += cases.count
    scores = 2 * together / np.maximum(named[:, None] + shown[None], 1)
    candidates = sorted(
        ((number, int(value)) for number in names for value in np.flatnonzero(together[number])),
        key=lambda pair: (-scores[pair], pair[0] != pair[1], pair),
    )
    reading: dict[int, int] = {}
    for number, value in candidates:
        if number not in reading and value not in reading.values():
            reading[number] = value
    return reading


def _agrees(wanted: frozenset[int], values: frozenset[int], reading: Mapping[int, int]) -> bool:
    """Whether a mask shows exactly the classes of its row, among those with a value in `reading`."""
    given = {value for number, value in reading.items() if number != 0}
    return {reading.get(number, -1) for number in wanted} == values & given


def numbered(pairs: Pairs) -> bool:
    """Whether each mask holds exactly the values 1…n, as masks that number their objects do."""
    foreground = [values - {0, UNDECIDED} for (_, values), _ in pairs]
    return bool(pairs) and all(values and values == {*range(1, len(values) + 1)} for values in foreground)


def between(value: int, labels: np.ndarray) -> bool:
    """Whether a mask H×W also holds a lower and a higher value."""
    return int(labels.min()) < value < int(labels.max())
