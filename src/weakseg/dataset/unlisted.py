"""Labels that name no class of the run: they are refused together, or they do not count."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from weakseg.dataset.check import parse_labels
from weakseg.dataset.wording import counted, examples, shown
from weakseg.errors import InputError

_MOST_NAMES = 10  # of unlisted classes that a sentence lists
_BACKGROUND = ("background", "bg", "none")


class Unlisted:
    """Reads the cells of a table's labels, and keeps the names that are unlike any class.

    A name that is nearly a class (`Cat`, `cat,dog`) is never one of them: it is refused as a mistake. With `ignore`,
    names that are only similar to a class, as `car` is to `cat`, do not count either.

    Args:
        classes: the chosen ones, in order.
        known: the names that may occur: the classes of the masks.
        ignore: whether other names are left out.
    """

    def __init__(self, classes: Sequence[str], known: Sequence[str], *, ignore: bool) -> None:
        self._classes, self._known, self._ignore = classes, known, ignore
        self._is_unlike = cache(partial(_is_unlike, (*known, *classes), allow_similar=ignore))
        self._images: dict[str, int] = {}
        self._first, self._rows = "", 0

    def read(self, cell: str, image: str) -> tuple[str, ...]:
        """The chosen classes of a cell `cat|dog`, in their order.

        Raises:
            InputError: a name is nearly a class.
        """
        names = dict.fromkeys(name.strip() for name in cell.split("|") if name.strip())
        unlike = [name for name in names if self._is_unlike(name)]
        for name in unlike:
            self._images[name] = self._images.get(name, 0) + 1
        if unlike:
            self._first, self._rows = self._first or image, self._rows + 1
        return parse_labels(
            "|".join(name for name in names if name not in unlike), image, self._classes, self._known
        )

    def notes(self, table: Path) -> list[str]:
        """One line about the names that did not count, none if there are none.

        Raises:
            InputError: they are not to be ignored.
        """
        if not self._images:
            return []
        by_count = sorted(self._images, key=lambda name: -self._images[name])
        names = examples([f"{shown(name)} ({self._images[name]:,})" for name in by_count], most=_MOST_NAMES)
        if self._ignore:
            return [f"labels outside dataset.classes that do not count (dataset.unlisted): {names}"]
        rows = counted(self._rows, "row")
        raise InputError(
            f"{rows} of {table} {'names' if self._rows == 1 else 'name'} what dataset.classes does not list: {names}; "
            f"the first is image '{shown(self._first)}': correct the rows, add the names to dataset.classes, or set "
            "dataset.unlisted to ignore, and they do not count."
        )


def _is_unlike(known: Sequence[str], name: str, *, allow_similar: bool) -> bool:
    """Whether a name is neither a class nor a mistake for one."""
    folded = {_folded(item) for item in known}
    if _folded(name) in folded or name.casefold().strip("_") in _BACKGROUND:
        return False
    joined = [part in folded for part in re.split(r"\s*[,;/\\+&]\s*", _folded(name))]
    if any(joined) or all(part in folded for part in _folded(name).split()):
        return False
    return allow_similar or not difflib.get_close_matches(_folded(name)[:200], folded, n=1)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
