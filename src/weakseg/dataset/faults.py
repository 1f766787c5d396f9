"""Faults of images and rows: what many share is told once, with a count and three examples."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError

MOST_SHOWN = 8
"""Kinds of faults that an error lists, so that it fits on a screen."""


class Fault(InputError):
    """What is wrong with one image, where others may have the same fault.

    Args:
        reason: the sentence about this image alone.
        kind: equal for equal faults.
        many: what is said of several of the kind, after their number and names.
    """

    def __init__(self, reason: str, kind: str = "", many: str = "") -> None:
        super().__init__(reason)
        self.kind, self.many = kind, many


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be used.

    Attributes:
        id: its id, or its name in the table.
        reason: a sentence.
        kind: equal for equal faults; default: the reason.
        many: what is said of several of the kind, after their number and names; default: the first reason, and how
            many others there are.
    """

    id: str
    reason: str
    kind: str = ""
    many: str = ""


def bad_image(image_id: str, error: InputError, *paths: Path | None) -> BadImage:
    """The fault of an image.

    Args:
        image_id: its id, or its name in the table.
        error: why it cannot be used.
        paths: its files; faults are equal whose sentences differ in these and in numbers only.
    """
    if isinstance(error, Fault):
        return BadImage(image_id, str(error), error.kind, error.many)
    text = str(error)
    for part in (*(str(path) for path in paths if path is not None), image_id):
        text = text.replace(part, "…")
    return BadImage(image_id, str(error), re.sub(r"\d[\d,.]*", "#", text))


class Faults:
    """Collects the faults of a table's rows, so that all are told at once.

    Args:
        noun: what has them, for messages.
    """

    def __init__(self, noun: str = "row") -> None:
        self._noun = noun
        self.found: list[BadImage] = []

    def add(self, name: str, error: InputError) -> None:
        """Keep the fault of an image."""
        self.found.append(bad_image(name, error))

    def refuse(self, table: Path) -> None:
        """Stop if there are any.

        Raises:
            InputError: one sentence for each kind of fault.
        """
        if not self.found:
            return
        kinds = sentences(self.found)
        if len(kinds) == 1:
            raise InputError(kinds[0])
        rows = counted(len(self.found), self._noun)
        again = f"Correct these {self._noun}s, then run the same command again."
        raise InputError(f"{rows} of {table} cannot be read:{listed(kinds)}\n{again}")


def sentences(bad: Sequence[BadImage]) -> list[str]:
    """One sentence for each kind of fault, the most frequent first."""
    groups: dict[str, list[BadImage]] = {}
    for item in bad:
        groups.setdefault(item.kind or item.reason.replace(item.id, "…"), []).append(item)
    return [_told(group) for group in sorted(groups.values(), key=len, reverse=True)]


def _told(group: Sequence[BadImage]) -> str:
    first, *others = group
    if not others:
        return first.reason
    if first.many:
        return f"{len(group):,} images ({examples([item.id for item in group])}) {first.many}"
    return f"{first.reason} The same of {counted(len(others), 'other')}: {examples([item.id for item in others])}."


def listed(kinds: Sequence[str], more: str = "") -> str:
    """The sentences, each on a line of its own; of too many the first ones, and how many more there are."""
    lines = "".join(f"\n  {text}" for text in kinds[:MOST_SHOWN])
    rest = len(kinds) - MOST_SHOWN
    return lines + (f"\n  … and {counted(rest, 'more reason')}{more}" if rest > 0 else "")
