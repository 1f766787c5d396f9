"""A split for tables without one."""

import hashlib
from collections.abc import Mapping, Sequence

SHARE = 10
"""One image of so many is for validation."""
FEWEST = 4
"""Images of a class from which one is kept for validation."""


def made_up(labels: Mapping[str, Sequence[str]], seed: int = 0) -> dict[str, str]:
    """Image → `train` or `val`: a tenth of each class, at least one image of each class with four or more.

    The same names, labels and seed give the same split, in any order and on any machine.

    Args:
        labels: image → its classes; images without one are treated as a class.
        seed: another seed chooses other images.
    """
    order = sorted(labels, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    shows = {name: [*labels[name]] or [""] for name in order}
    count: dict[str, int] = {}
    for classes in shows.values():
        for each in classes:
            count[each] = count.get(each, 0) + 1
    chosen: set[str] = set()
    for each in sorted(count, key=lambda each: (count[each], each)):  # the rarest first
        wanted = max(round(count[each] / SHARE), int(count[each] >= FEWEST))
        there = sum(each in shows[name] for name in chosen)
        free = [name for name in order if each in shows[name] and name not in chosen]
        chosen.update(free[: max(0, wanted - there)])
    return {name: "val" if name in chosen else "train" for name in labels}
