"""What the values of masks may mean, where they are not what the labels say."""

from collections.abc import Mapping, Sequence

import numpy as np

from weakseg.dataset.wording import Cases
from weakseg.storage.labels import UNDECIDED

AGREEMENT = 0.9
"""Share of the masks that a reading of their values must explain, exactly, to be suggested."""
_MOST_SAID = 8  # classes of which a reading is written out
Pairs = Sequence[tuple[tuple[frozenset[int], frozenset[int]], Cases]]
"""Values of the classes that a row names and all values of its mask, with how many masks are so."""


def meanings(pairs: Pairs, classes: Mapping[str, int]) -> str:
    """`0 meant background, 1 dog, 2 cat`: the reading that makes masks and labels agree; empty without one.

    Background and classes take the values that occur where they do: pairs of a class and a value are taken in the
    order of their F1 over the masks. A reading that explains fewer than nine tenths of the masks does not count.

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
    said = sorted((value, names[number]) for number, value in reading.items())
    first, *rest = [(value, name) for value, name in said[:_MOST_SAID]]
    more = f" and {len(said) - _MOST_SAID} more" if len(said) > _MOST_SAID else ""
    return f"{first[0]} meant {first[1]}" + "".join(f", {value} {name}" for value, name in rest) + more


def _reading(pairs: Pairs, names: Mapping[int, str]) -> dict[int, int]:
    """Number of a class by the configuration, 0 the background → value that occurs as it does."""
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
    """Whether a mask shows, of the classes that were given a value, just those of its row."""
    given = {value for number, value in reading.items() if number != 0}
    return {reading.get(number, -1) for number in wanted} == values & given


def numbered(pairs: Pairs) -> bool:
    """Whether masks hold 1, 2, … n, n differing or classes notwithstanding, as masks of single objects do."""
    return bool(pairs) and all(
        sorted(values - {0, UNDECIDED}) == [*range(1, len(values - {0, UNDECIDED}) + 1)]
        and values - {0, UNDECIDED}
        for (_, values), _ in pairs
    )


def between(value: int, labels: np.ndarray) -> bool:
    """Whether a mask H×W holds a lower and a higher value, too."""
    return int(labels.min()) < value < int(labels.max())
