"""Health of attention maps: classes that the classifier does not see, and how well it ranks held-out images.

The maps of a class without positive score are black everywhere; those of a classifier that learnt nothing about it are
nearly constant. Neither needs a mask to be seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from weakseg.evaluation.health.advice import Advice
from weakseg.evaluation.health.parts import Cases, listed, rounded, verb, warn, worst_first
from weakseg.evaluation.health.record import StageHealth, Warning
from weakseg.training.ranking import average_precision

EMPTY = 0.02
"""Largest value of a map that counts as empty; maps are stored in steps of 1/255."""
FLAT, HIGH = 0.1, 0.3
"""Standard deviation below which, and mean above which, a map counts as flat; as shares of its maximum. On 402
photographs that a trained classifier looks at, no map is below 0.11, and the lowest are single bright spots."""
ALIKE = 0.95
"""Correlation of two classes' maps from which they coincide."""
MOST = 0.5
"""Share of cases above which `coincides` and `other_class` are told."""
FEW = 0.1
"""Share of a class's images without attention above which a class that is not collapsed is named."""
FEWEST = 4
"""Cases below which `coincides` and `other_class` are not told."""
DOUBT_OTHER = 0.5
"""Doubt of an image that the classifier takes for another class; without attention it is 1."""


@dataclass(frozen=True)
class Attended:
    """One image as the attention network sees it.

    Attributes:
        id: the image.
        labels: its classes.
        maps: class → h×w in [0, 1], its classes only.
        scores: class → the classifier's score, all classes; `None` without a classifier.
    """

    id: str
    labels: tuple[str, ...]
    maps: Mapping[str, np.ndarray]
    scores: Mapping[str, float] | None = None


@dataclass
class _Seen:
    """What is counted: cases of a class in an image, for `alike` of a pair of classes; `pairs` has their names."""

    empty: Cases
    flat: Cases
    other: Cases
    alike: Cases
    pairs: dict[str, tuple[str, str]]

    @property
    def without(self) -> Cases:
        """Empty or flat."""
        pairs = zip(self.empty.rows, self.flat.rows, strict=True)
        return Cases([(name, image_id, max(value, flat)) for (name, image_id, value), (*_, flat) in pairs])


def check_attention(
    training: Iterable[Attended],
    held_out: Sequence[Attended],
    classes: Sequence[str],
    advice: Advice,
) -> StageHealth:
    """Health of the maps of the training images, and the classifier's average precision on held-out ones.

    Args:
        training: images of the split `train`.
        held_out: images with labels that were not trained on; their maps are not looked at. May be empty.
        classes: all class names.
        advice: thresholds, and values to try.
    """
    seen = _Seen(Cases(), Cases(), Cases(), Cases(), {})
    images = 0
    for image in training:
        images += bool(image.labels)
        _look(image, seen)
    precision = class_precision(held_out, classes)
    without = seen.without
    collapsed = _above(without.by_class(), advice.when.most_without_attention)
    warnings = _warnings(seen, collapsed, precision, held_out, classes, advice, images)
    doubt = dict.fromkeys(seen.other.images(), DOUBT_OTHER) | dict.fromkeys(without.images(), 1.0)
    figures = {"empty": seen.empty.mean(), "flat": seen.flat.mean(), "without": without.mean()}
    figures |= {"other_class": seen.other.mean()} if seen.other.rows else {}
    figures |= {"coincides": seen.alike.mean()} if seen.alike.rows else {}
    figures |= {"average_precision": float(np.mean(list(precision.values())))} if precision else {}
    lacking = len(without.images())
    line = f"{len(collapsed)} of {len(classes)} classes and {lacking} of {images} images without attention"
    if not lacking:
        line = f"attention in all {images} images"
    if precision:
        line += f", average precision {figures['average_precision']:.2f} on {len(held_out)} held-out images"
    by_class = {"without": without.by_class(), "other_class": seen.other.by_class()}
    by_class |= {"average_precision": precision}
    return StageHealth(
        stage="attention_maps",
        line=line,
        images=images,
        figures={name: rounded(value) for name, value in figures.items()},
        by_class={name: values for name, values in by_class.items() if values},
        by_image=worst_first(doubt),
        warnings=warnings,
    )


def class_precision(images: Sequence[Attended], classes: Sequence[str]) -> dict[str, float]:
    """Class → the classifier's average precision, for classes present in some and absent in others."""
    scored = [(image.labels, image.scores) for image in images if image.scores is not None]
    found = {}
    for name in classes:
        values = np.array([scores[name] for _, scores in scored])
        value = average_precision(values, np.array([name in labels for labels, _ in scored], bool))
        found[name] = value
    return {name: rounded(value) for name, value in found.items() if value is not None}


def _look(image: Attended, seen: _Seen) -> None:
    others = [] if image.scores is None else [n for n in image.scores if n not in image.labels]
    for name in image.labels:
        values = image.maps.get(name)
        top = 0.0 if values is None else float(values.max(initial=0.0))
        seen.empty.add(name, image.id, top < EMPTY)
        seen.flat.add(name, image.id, values is not None and _is_flat(values, top))
        if image.scores is not None and others:
            best = max(image.scores[other] for other in others)
            seen.other.add(name, image.id, image.scores[name] < best)
    for one, other in combinations(sorted(image.maps), 2):
        pair = f"{one} and {other}"
        seen.pairs[pair] = one, other
        seen.alike.add(pair, image.id, _alike(image.maps[one], image.maps[other]))


def _is_flat(values: np.ndarray, top: float) -> bool:
    return top >= EMPTY and bool(values.std() < FLAT * top and values.mean() > HIGH * top)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape:
        other = cv2.resize(other.astype(np.float32), one.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if not one.std() or not other.std():
        return False  # empty and constant maps are told as such
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) >= ALIKE


def _above(shares: Mapping[str, float], most: float) -> list[str]:
    return [name for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share > most]


def _warnings(
    seen: _Seen,
    collapsed: list[str],
    precision: Mapping[str, float],
    held_out: Sequence[Attended],
    classes: Sequence[str],
    advice: Advice,
    images: int,
) -> list[Warning]:
    warnings = []
    if collapsed:
        without = seen.without
        found = (
            f"{len(collapsed)} of {len(classes)} classes {verb(len(collapsed), 'has', 'have')} no attention in most of "
            f"{verb(len(collapsed), 'its', 'their')} images: {listed(without.counts(), collapsed)}"
        )
        ids = without.images(collapsed)
        warnings.append(warn("attention.collapsed", found, advice, images, collapsed, ids))
    told = [
        ("attention.empty", seen.empty, FEW, "no attention at all in a part of its images"),
        ("attention.flat", seen.flat, FEW, "attention that is nearly the same everywhere in a part of its images"),
        ("attention.other_class", seen.other, MOST, "a lower score than a class that the label does not name"),
        ("attention.coincides", seen.alike, MOST, "the same attention"),
    ]  # fmt: skip
    for signal, cases, most, what in told:
        counts = cases.counts()
        names = [
            name
            for name in _above(cases.by_class(), most)
            if name not in collapsed and (most == FEW or counts[name][1] >= FEWEST)
        ]
        if names:
            found = f"{what}: {listed(counts, names)}"
            about = dict.fromkeys(each for name in names for each in seen.pairs.get(name, (name,)))
            warnings.append(warn(signal, found, advice, images, [*about], cases.images(names)))
    warnings += _imprecise(precision, held_out, advice, images)
    return warnings


def _imprecise(
    precision: Mapping[str, float], held_out: Sequence[Attended], advice: Advice, images: int
) -> list[Warning]:
    """The classes that the classifier ranks badly: a third of the way from chance to perfect is expected at least."""
    least = {}
    for name in precision:
        chance = sum(name in image.labels for image in held_out) / len(held_out)
        least[name] = max(advice.when.least_precision, chance + (1 - chance) / 3), chance
    names = [
        name for name in sorted(precision, key=lambda n: precision[n]) if precision[name] < least[name][0]
    ]
    if not names:
        return []
    each = ", ".join(f"{name} {precision[name]:.2f} (by chance {least[name][1]:.2f})" for name in names)
    found = f"average precision of the classifier on {len(held_out)} held-out images: {each}"
    return [warn("attention.precision", found, advice, images, names)]
