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
        noun: what holds the labels, for messages.

    Attributes:
        first: the first image with such a name; empty without one.
    """

    def __init__(
        self, classes: Sequence[str], known: Sequence[str], *, ignore: bool, noun: str = "row"
    ) -> None:
        self._classes, self._known, self._ignore, self._noun = classes, known, ignore, noun
        # Name as it is spelled → its place among the chosen, -1 for one that is only known.
        self._places = {**dict.fromkeys(known, -1), **{name: place for place, name in enumerate(classes)}}
        self._folded = {_folded(name): name for name in (*classes, *known)}
        self._is_foreign = cache(self._foreign)
        self._images: dict[str, int] = {}
        self.first, self._rows = "", 0

    def read(self, cell: str, image: str) -> tuple[str, ...]:
        """The chosen classes of a cell `cat|dog`, in their order.

        Raises:
            InputError: a name is a mistake for a class.
        """
        return self.of(tuple(name.strip() for name in cell.split("|") if name.strip()), image)

    def of(self, labels: tuple[str, ...], image: str) -> tuple[str, ...]:
        """The chosen classes of an image's labels, in their order.

        Raises:
            InputError: a name is a mistake for a class.
        """
        try:  # nearly all images; the rest of this function takes ten times as long
            places = sorted({self._places[name] for name in labels})
            return tuple(self._classes[place] for place in places if place >= 0)
        except KeyError:
            pass
        names = dict.fromkeys(labels)
        foreign = [name for name in names if self._is_foreign(name)]
        for name in foreign:
            self._images[name] = self._images.get(name, 0) + 1
        if foreign:
            self.first, self._rows = self.first or image, self._rows + 1
        return self._parse([name for name in names if name not in foreign], image)

    def _parse(self, names: Sequence[str], image: str) -> tuple[str, ...]:
        return parse_labels("|".join(names), image, self._classes, self._known)

    def refuse(self, table: Path) -> None:
        """Stop if there are such names and they are not to be ignored.

        Raises:
            InputError: names them with their counts.
        """
        if self._ignore or not self._images:
            return
        if self._rows == 1 and self._like(self._most()[0]):
            self._parse(self._most(), self.first)
        rows = f"{counted(self._rows, self._noun)} of {table} {'names' if self._rows == 1 else 'name'}"
        raise InputError(
            f"{rows} what dataset.classes ({examples(self._classes, most=20)}) does not list: {self._told()}; the "
            f"first is image '{shown(self.first)}': correct the {self._noun}s, add the names to dataset.classes, or "
            "set dataset.unlisted to ignore, and they do not count."
        )

    def notes(self) -> list[str]:
        """One line about the names that did not count, none if there are none."""
        if not self._images:
            return []
        return [f"labels outside dataset.classes that do not count (dataset.unlisted): {self._told()}"]

    def _most(self) -> list[str]:
        """The names, the most frequent first."""
        return sorted(self._images, key=lambda name: -self._images[name])

    def _told(self) -> str:
        return examples([self._counted(name) for name in self._most()], most=_MOST_NAMES)

    def _counted(self, name: str) -> str:
        like = self._like(name)
        return f"{shown(name)} ({self._images[name]:,}{f': {like}?' if like else ''})"

    def _like(self, name: str) -> str | None:
        near = difflib.get_close_matches(_folded(name)[:200], self._folded, n=1)
        return self._folded[near[0]] if near else None

    def _foreign(self, name: str) -> bool:
        """Whether a name is neither a class nor certainly a mistake for one."""
        folded = _folded(name)
        if folded in self._folded:  # also "salt & pepper", whose parts are not classes
            return False
        joined = [part in self._folded for part in re.split(r"\s*[,;/\\+&]\s*", folded)]
        mistaken = any(joined) or all(part in self._folded for part in folded.split())
        return not mistaken and folded.strip("_") not in _BACKGROUND


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
