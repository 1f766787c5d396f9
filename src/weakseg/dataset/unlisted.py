"""Labels that name no class of the run: they are refused together, or they do not count."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from weakseg.dataset.check import parse_labels
from weakseg.dataset.wording import counted, examples, shown
from weakseg.errors import InputError

_MOST_NAMES = 10  # of unlisted classes that a sentence lists
_BACKGROUND = ("background", "bg", "none")


class Unlisted:
    """Reads the cells of a table's labels, and keeps the names that are no class.

    A name that must be a mistake for a class (`Cat`, `cat,dog`) is refused at once, whatever `ignore` says. Others may
    be classes that are not of interest: they are refused together, with what they resemble (`car` is like `cat`).

    Args:
        classes: the chosen ones, in order.
        known: the names that may occur: the classes of the masks.
        ignore: whether other names are left out.
    """

    def __init__(self, classes: Sequence[str], known: Sequence[str], *, ignore: bool) -> None:
        self._classes, self._known, self._ignore = classes, known, ignore
        self._folded = {_folded(name): name for name in (*classes, *known)}
        self._is_foreign = cache(self._foreign)
        self._images: dict[str, int] = {}
        self._first, self._rows = "", 0

    def read(self, cell: str, image: str) -> tuple[str, ...]:
        """The chosen classes of a cell `cat|dog`, in their order.

        Raises:
            InputError: a name is a mistake for a class.
        """
        names = dict.fromkeys(name.strip() for name in cell.split("|") if name.strip())
        foreign = [name for name in names if self._is_foreign(name)]
        for name in foreign:
            self._images[name] = self._images.get(name, 0) + 1
        if foreign:
            self._first, self._rows = self._first or image, self._rows + 1
        return self._parse([name for name in names if name not in foreign], image)

    def _parse(self, names: Sequence[str], image: str) -> tuple[str, ...]:
        return parse_labels("|".join(names), image, self._classes, self._known)

    def notes(self, table: Path) -> list[str]:
        """One line about the names that did not count, none if there are none.

        Raises:
            InputError: they are not to be ignored.
        """
        if not self._images:
            return []
        by_count = sorted(self._images, key=lambda name: -self._images[name])
        names = examples([self._counted(name) for name in by_count], most=_MOST_NAMES)
        if self._ignore:
            return [f"labels outside dataset.classes that do not count (dataset.unlisted): {names}"]
        if self._rows == 1 and self._like(by_count[0]):
            self._parse(by_count, self._first)
        rows = f"{counted(self._rows, 'row')} of {table} {'names' if self._rows == 1 else 'name'}"
        raise InputError(
            f"{rows} what dataset.classes ({examples(self._classes, most=_MOST_NAMES)}) does not list: {names}; the "
            f"first is image '{shown(self._first)}': correct the rows, add the names to dataset.classes, or set "
            "dataset.unlisted to ignore, and they do not count."
        )

    def _counted(self, name: str) -> str:
        like = self._like(name)
        return f"{shown(name)} ({self._images[name]:,}{f': {like}?' if like else ''})"

    def _like(self, name: str) -> str | None:
        near = difflib.get_close_matches(_folded(name)[:200], self._folded, n=1)
        return self._folded[near[0]] if near else None

    def _foreign(self, name: str) -> bool:
        """Whether a name is neither a class nor certainly a mistake for one."""
        folded = _folded(name)
        joined = [part in self._folded for part in re.split(r"\s*[,;/\\+&]\s*", folded)]
        mistaken = any(joined) or all(part in self._folded for part in folded.split())
        return not mistaken and folded.strip("_") not in _BACKGROUND


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
