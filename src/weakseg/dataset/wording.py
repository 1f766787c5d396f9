"""Words for messages: counts with examples."""

from collections.abc import Sequence

MOST_EXAMPLES = 3
LONGEST = 100  # characters of a name that a sentence shows


class Cases:
    """A count, and its first three examples."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """Count one more."""
        self.add_all([text], 1)

    def add_all(self, first: Sequence[str], count: int) -> None:
        """Count several at once, given the first of them."""
        self.count += count
        self.first += [shown(text) for text in first[: MOST_EXAMPLES - len(self.first)]]

    def __str__(self) -> str:
        return examples(self.first, self.count)


def examples(names: Sequence[str], count: int | None = None, most: int = MOST_EXAMPLES) -> str:
    """`a, b, c and 9 more`.

    Args:
        names: all names, or the first ones.
        count: the number of all names; default: `len(names)`.
        most: how many are listed.
    """
    rest = (len(names) if count is None else count) - len(names[:most])
    parted = "; " if any(", " in name for name in names[:most]) else ", "
    return parted.join(shown(name) for name in names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def shown(text: str) -> str:
    """A name as it fits into one line: shortened, control characters escaped."""
    plain = text if text.isprintable() else repr(text)[1:-1]
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"


def counted(count: int, noun: str) -> str:
    """`1 mask`, `2 masks`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
