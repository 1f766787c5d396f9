"""Compares masks with image-level labels while the masks are read; reports contradictions at the end.

Impossible data is an error: mask values without a class, or half of the masks showing none of their row's classes.
Possible data, such as an object too small for its mask, is one line with a count.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

import cv2
import numpy as np

from weakseg.dataset.explanations import between, meanings, numbered
from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.dataset.wording import Cases, examples
from weakseg.errors import InputError
from weakseg.storage.labels import UNDECIDED

MANY = 0.5
"""Share of labelled masks above which a contradiction is an error instead of a warning."""
SOME = 0.1
"""Share of contradictions above which another meaning of the mask values is searched for."""
SEAM = 0.1
"""A value is a seam between two others if a 3×3 erosion leaves a smaller share of its pixels."""
_MOST_VALUES = 8  # of a mask that are checked for seams
Pair = tuple[frozenset[int], frozenset[int]]
"""Values of the classes that a row names, and all values of its mask."""


class Agreement:
    """Counts which classes masks show and which their rows name.

    Args:
        index: classes and their mask values.
        highest: the largest valid mask value besides 255.
        key: the section of the configuration that names masks and classes; empty if the source fixes them.
        tolerated: id → classes that an image's mask may show although its row does not name them.
    """

    def __init__(
        self, index: Index, highest: int, key: str, tolerated: Mapping[str, Collection[str]]
    ) -> None:
        self._values = dict(zip(index.classes, index.mask_values[1:], strict=True))
        self._highest, self._key, self._tolerated = highest, key, tolerated
        self._pairs: dict[Pair, Cases] = {}
        self._seams = 0
        self._salient = self._without_object = 0
        self._beyond: tuple[Record, int] | None = None

    def add(self, record: Record, labels: np.ndarray) -> None:
        """Count one mask H×W `uint8`."""
        values = frozenset(np.flatnonzero(cv2.calcHist([labels], [0], None, [256], [0, 256])).tolist())
        if record.split == "saliency":
            self._salient += 1
            self._without_object += values == {0, UNDECIDED}
            return
        wanted = frozenset(self._values[name] for name in record.labels)
        tolerated = {self._values.get(name, -1) for name in self._tolerated.get(record.id, ())}
        values = values - (tolerated - wanted)
        over = [value for value in sorted(values) if self._highest < value < UNDECIDED]
        if over and self._beyond is None:
            self._beyond = (record, over[-1])
        unnamed = [*over, *sorted(values & {*self._values.values()} - wanted)]
        self._seams += bool(unnamed) and _is_seam(labels, unnamed[:_MOST_VALUES])
        self._pairs.setdefault((wanted, values), Cases()).add(record.id)

    def mask_values(self, index: Index) -> tuple[int, ...]:
        """The mask value of each class, background first; 255 for a single class if all masks hold only 0 and 255."""
        return (0, UNDECIDED) if self._two_tone() else index.mask_values

    def lines(self) -> list[str]:
        """Warnings about the masks.

        Raises:
            InputError: the contradictions are too many.
        """
        lines = []
        if self._two_tone():
            count = sum(cases.count for cases in self._pairs.values())
            name = next(iter(self._values))
            lines.append(f"{count:,} of {count:,} masks hold only 0 and 255: 255 is read as {name}")
            self._pairs = dict(_renamed(self._pairs, {UNDECIDED: 1}))
        self._refuse_values()
        self._refuse_saliency()
        self._refuse_kind()
        return lines + self._contradictions()

    def _two_tone(self) -> bool:
        shown = {value for _, values in self._pairs for value in values}
        return self._highest == 1 and shown == {0, UNDECIDED} and any(wanted for wanted, _ in self._pairs)

    # ---------------------------------------------------------------------------------------------- refusals

    def _refuse_values(self) -> None:
        if self._beyond is None:
            return
        record, value = self._beyond
        found = self._where(lambda _, values: bool(values - {UNDECIDED} - {*range(self._highest + 1)}))
        others = f" ({found.count:,} of {self._total():,} masks hold such values)" if found.count > 1 else ""
        raise InputError(
            f"mask {record.mask} holds the index {value}{others}; 0…{self._highest} or 255 was expected: "
            f"{self._beyond_remedy(found)}"
        )

    def _beyond_remedy(self, found: Cases) -> str:
        if self._seams > MANY * found.count:
            return (
                "these values are seams between others, as interpolation makes them; resize masks by nearest "
                "neighbour."
            )
        meant = meanings(self._labelled(), self._values)
        if found.count > 1 and numbered(self._labelled()) and not meant:
            return f"the masks seem to number the objects of each image; {self._expected()}."
        agree = f"the masks would agree with the labels if {meant}; " if meant else ""
        if not self._key:
            return f"{agree}replace it by the data set's own file."
        rewrite = f"{self._expected()}: write the masks so, or " if meant else ""
        return f"{agree}{rewrite}name every class of the masks, in their order, in {self._key}.all_classes."

    def _refuse_saliency(self) -> None:
        if self._without_object > MANY * self._salient:
            raise InputError(
                f"{self._without_object:,} of {self._salient:,} masks of the split saliency hold only 0 and 255, and "
                "255 is left out there; another value was expected for what stands out: write 1 for it."
            )

    def _refuse_kind(self) -> None:
        """Refuse masks that are all 255, that number objects, or that use other class values."""
        total = sum(cases.count for _, cases in self._labelled())
        of = f"of {total:,} masks"
        undecided = self._where(lambda wanted, values: bool(wanted) and values == {UNDECIDED})
        if undecided.count and undecided.count >= MANY * total:
            self._refuse(f"{undecided.count:,} {of} hold only 255 ({undecided}), which is not scored")
        meant = self._meant()
        binary = self._where(lambda wanted, values: bool(wanted) and values == {0, UNDECIDED})
        if binary.count and binary.count >= MANY * total and (binary.count == total or not meant):
            self._refuse(
                f"{binary.count:,} {of} hold only 0 and 255 ({binary}): they tell objects from background, not "
                "which class"
            )
        agree = f"; they would agree if {meant}" if meant else ""
        apart = self._where(lambda wanted, values: bool(wanted) and not wanted & values, self._held)
        contradict = f"{apart.count:,} {of} show none of the classes that their labels name ({apart})"
        if len(self._values) > 1 and apart.count >= SOME * total and numbered(self._labelled()):
            self._refuse(f"{contradict}, and all hold 1, 2, … in turn: they number objects, not classes")
        if apart.count and apart.count >= MANY * total:
            self._refuse(contradict + agree)
        differ = self._where(self._differs, self._held)
        if meant and differ.count >= MANY * total:
            self._refuse(f"{differ.count:,} {of} do not show what their labels name ({differ}){agree}")

    def _meant(self) -> str:
        """What the values seem to mean, if a tenth or more of the labelled masks contradict their labels."""
        total = sum(cases.count for _, cases in self._labelled())
        if self._where(self._differs).count < SOME * total:
            return ""
        return meanings(self._labelled(), self._values)

    def _differs(self, wanted: frozenset[int], values: frozenset[int]) -> bool:
        return bool(wanted) and values & {*self._values.values()} != wanted

    def _refuse(self, found: str) -> None:
        otherwise = f", correct that order, or set {self._key}.masks to null" if self._key else ""
        raise InputError(f"{found}; {self._expected()}: write the masks so{otherwise}.")

    def _expected(self) -> str:
        numbers = examples([f"{value} {name}" for name, value in self._values.items()], most=5)
        order = (
            f" (the order of {self._key}.all_classes, or of dataset.classes without it)" if self._key else ""
        )
        return f"at each pixel the number of its class was expected, 0 background, {numbers}{order}, 255 undecided"

    # ------------------------------------------------------------------------------------------------- lines

    def _contradictions(self) -> list[str]:
        classes = {*self._values.values()}
        absent = self._where(
            lambda wanted, values: bool(wanted - values), lambda wanted, values: self._names(wanted - values)
        )
        extra = self._where(
            lambda wanted, values: bool(values & classes - wanted),
            lambda wanted, values: self._names(values - wanted),
        )
        either = self._where(lambda wanted, values: values & classes != wanted).count
        if not either:
            return []
        parts = [
            f"{cases.count:,} {what} ({cases})"
            for cases, what in (
                (absent, "show no pixel of a class that their labels name"),
                (extra, "show a class that their labels do not name"),
            )
            if cases.count
        ]
        line = f"{either:,} of {self._total():,} masks do not show what the labels say: {', '.join(parts)}"
        meant = self._meant()
        if meant:
            line += f"; they would agree if {meant}"
        elif extra.count and self._seams >= MANY * extra.count:
            line += (
                f"; in {self._seams:,} these are seams between other values, as interpolation makes them: resize masks "
                "by nearest neighbour"
            )
        return [line]

    def _names(self, values: frozenset[int]) -> str:
        return "|".join(name for name, value in self._values.items() if value in values)

    def _held(self, wanted: frozenset[int], values: frozenset[int]) -> str:
        return f"labelled {self._names(wanted)}, holds {', '.join(str(value) for value in sorted(values))}"

    def _where(
        self,
        test: Callable[[frozenset[int], frozenset[int]], bool],
        names: Callable[[frozenset[int], frozenset[int]], str] | None = None,
    ) -> Cases:
        """The masks that satisfy `test`; `names` adds a text to each example."""
        found = Cases()
        for (wanted, values), ids in self._pairs.items():
            if test(wanted, values):
                more = f": {names(wanted, values)}" if names else ""
                found.add_all([f"{name}{more}" for name in ids.first], ids.count)
        return found

    def _labelled(self) -> list[tuple[Pair, Cases]]:
        return [(pair, cases) for pair, cases in self._pairs.items() if pair[0]]

    def _total(self) -> int:
        return sum(cases.count for cases in self._pairs.values())


def _renamed(pairs: Mapping[Pair, Cases], names: Mapping[int, int]) -> Iterator[tuple[Pair, Cases]]:
    for (wanted, values), cases in pairs.items():
        yield (wanted, frozenset(names.get(value, value) for value in values)), cases


def _is_seam(labels: np.ndarray, values: list[int]) -> bool:
    """Whether all values are thin lines between a lower and a higher value, as interpolation makes them."""
    if not all(between(value, labels) for value in values):
        return False
    kernel = np.ones((3, 3), np.uint8)
    return all(
        cv2.erode(region, kernel, borderValue=0).sum() < SEAM * region.sum()
        for region in ((labels == value).astype(np.uint8) for value in values)
    )
