"""What the checks of several stages need: cases of a class in an image, and a warning made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from weakseg.evaluation.health.advice import Advice
from weakseg.evaluation.health.record import Warning
from weakseg.evaluation.health.signals import USUALLY

MOST_IMAGES = 50
"""Images that a warning names."""
DIGITS = 4
"""Decimals of figures."""


@dataclass
class Cases:
    """Pairs of an image and one of its classes, and for each whether or how much something is the case.

    Attributes:
        rows: class, image id, value in [0, 1].
    """

    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def add(self, name: str, image_id: str, value: float) -> None:
        """One pair."""
        self.rows.append((name, image_id, float(value)))

    def by_class(self) -> dict[str, float]:
        """Class → mean value, for classes with a pair."""
        found: dict[str, list[float]] = {}
        for name, _, value in self.rows:
            found.setdefault(name, []).append(value)
        return {name: rounded(float(np.mean(values))) for name, values in found.items()}

    def counts(self, least: float = 0.5) -> dict[str, tuple[int, int]]:
        """Class → number of its pairs with at least this value, and of all."""
        found: dict[str, tuple[int, int]] = {}
        for name, _, value in self.rows:
            hit, total = found.get(name, (0, 0))
            found[name] = hit + (value >= least), total + 1
        return found

    def images(self, classes: Iterable[str] | None = None, least: float = 0.5) -> list[str]:
        """Ids with at least this value for one of the classes, highest first."""
        chosen = None if classes is None else set(classes)
        worst: dict[str, float] = {}
        for name, image_id, value in self.rows:
            if value >= least and (chosen is None or name in chosen):
                worst[image_id] = max(value, worst.get(image_id, 0.0))
        return sorted(worst, key=lambda image_id: -worst[image_id])

    def mean(self) -> float:
        """Over all pairs; 0 without one."""
        return float(np.mean([value for *_, value in self.rows])) if self.rows else 0.0


def warn(
    signal: str,
    found: str,
    advice: Advice,
    images: int,
    classes: Sequence[str] = (),
    ids: Sequence[str] = (),
) -> Warning:
    """A warning with what its signal usually means and the value to try.

    Args:
        signal: its name.
        found: what was found.
        advice: what stops, and values to try.
        images: number of training images.
        classes: it is about.
        ids: images that show it, worst first.
    """
    stops = signal in advice.when.stop
    value = advice.remedy(signal, images)
    return Warning(signal, found, USUALLY[signal], value, tuple(classes), tuple(ids[:MOST_IMAGES]), stops)


def listed(counts: Mapping[str, tuple[int, int]], classes: Sequence[str]) -> str:
    """`cow (14 of 15 images), sheep (9 of 9)`."""
    return ", ".join(
        f"{name} ({counts[name][0]} of {counts[name][1]}{' images' * (number == 0)})"
        for number, name in enumerate(classes)
    )


def rounded(value: float) -> float:
    """As it is written."""
    return round(value, DIGITS)


def worst_first(doubt: Mapping[str, float]) -> dict[str, float]:
    """Images with any doubt, the most doubtful first."""
    kept = {image_id: rounded(min(1.0, value)) for image_id, value in doubt.items() if value > 0}
    return dict(sorted(kept.items(), key=lambda item: -item[1]))


def verb(count: int, one: str, many: str) -> str:
    """`has` or `have`."""
    return one if count == 1 else many
