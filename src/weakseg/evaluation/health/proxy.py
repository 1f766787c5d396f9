"""Health of proxy labels: classes without a pixel, what stays undecided, and how far two stages agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weakseg.evaluation.health.advice import Advice
from weakseg.evaluation.health.doubt import small
from weakseg.evaluation.health.parts import Cases, listed, rounded, verb, warn, worst_first
from weakseg.evaluation.health.record import StageHealth, Warning
from weakseg.storage.labels import UNDECIDED

APART = 0.25
"""Share of the attention that lies where saliency is, below which the two disagree."""
MOST_APART = 0.25
"""Share of images in which they disagree above which it is told."""
SMALL, LARGE = 0.005, 0.8
"""Mean shares of the image below and above which a class's region is told; of images where it has a pixel."""


@dataclass(frozen=True)
class Labelled:
    """One image's label map.

    Attributes:
        id: the image.
        present: its classes.
        counts: class → number of its pixels, also classes that its label does not name; without background.
        pixels: of the map.
        undecided: number of undecided pixels.
        apart: share of its attention where saliency is (`inside`), `None` if the stage does not know it.
        agreement: with the stage before, as mean intersection over union (`agreement`), `None` without one.
    """

    id: str
    present: tuple[str, ...]
    counts: Mapping[str, int]
    pixels: int
    undecided: int
    apart: float | None = None
    agreement: float | None = None

    @property
    def missing(self) -> float:
        """Share of its classes that have no pixel."""
        return float(np.mean([not self.counts.get(name) for name in self.present])) if self.present else 0.0


def labelled(
    image_id: str,
    labels: np.ndarray,
    present: Sequence[str],
    classes: Sequence[str],
    apart: float | None = None,
    before: np.ndarray | None = None,
) -> Labelled:
    """What a label map H×W `uint8` says.

    Args:
        image_id: the image.
        labels: the map.
        present: classes of its label.
        classes: all class names, from index 1.
        apart: as in `Labelled`.
        before: label map of the stage before, H×W.
    """
    pixels = np.bincount(labels.ravel(), minlength=256)
    counts = {name: int(pixels[number + 1]) for number, name in enumerate(classes) if pixels[number + 1]}
    agreed = None if before is None else agreement(before, labels)
    return Labelled(image_id, tuple(present), counts, labels.size, int(pixels[UNDECIDED]), apart, agreed)


def inside(attention: np.ndarray, saliency: np.ndarray) -> float | None:
    """Share of the attention h×w that lies where saliency h×w is: ΣAD / ΣA; `None` where one of the two is empty."""
    if not attention.any() or not saliency.any():
        return None
    return float((attention * saliency).sum() / attention.sum())


def agreement(one: np.ndarray, other: np.ndarray) -> float | None:
    """Mean intersection over union of two label maps over the classes and background, where both are decided.

    Large maps are compared at `doubt.SIDE` pixels. `None` where no pixel is decided in both.
    """
    one, other = small(one), small(other)
    decided = (one != UNDECIDED) & (other != UNDECIDED)
    first, second = one[decided].astype(np.int64), other[decided].astype(np.int64)
    if not first.size:
        return None
    table = np.bincount(first * 256 + second, minlength=65536).reshape(256, 256)
    union = table.sum(axis=0) + table.sum(axis=1) - table.diagonal()
    return float((table.diagonal()[union > 0] / union[union > 0]).mean())


def check_labels(
    stage: str,
    images: Sequence[Labelled],
    classes: Sequence[str],
    advice: Advice,
    doubt: Mapping[str, float] | None = None,
) -> StageHealth:
    """Health of the label maps of the training images.

    Args:
        stage: `proxy_fuse`, `proxy_refine`, or `segmenter_relabel-2` and so on.
        images: what the label maps say.
        classes: all class names.
        advice: thresholds, and values to try.
        doubt: id → doubt in [0, 1]; without it an image is in doubt by its share of missing classes.
    """
    missing, shares = Cases(), Cases()
    for image in images:
        for name in image.present:
            missing.add(name, image.id, not image.counts.get(name))
            if image.counts.get(name):
                shares.add(name, image.id, image.counts[name] / image.pixels)
    undecided = float(np.mean([image.undecided / image.pixels for image in images])) if images else 0.0
    lacking, labelled = missing.images(), sum(bool(image.present) for image in images)
    apart = [image.apart for image in images if image.apart is not None]
    agreed = [image.agreement for image in images if image.agreement is not None]
    figures = {"missing": len(lacking) / max(1, labelled), "undecided": undecided}
    figures |= {"disagreement": float(np.mean(np.array(apart) < APART))} if apart else {}
    figures |= {"agreement": float(np.mean(agreed))} if agreed else {}
    by_class = {"missing": missing.by_class(), "share": shares.by_class(), "spread": _spread(shares)}
    line = f"{len(lacking)} of {labelled} images without a pixel of a class, {undecided:.0%} undecided"
    if agreed:
        line += f", {figures['agreement']:.2f} agreement with the fused labels"
    own = {image.id: image.missing for image in images}
    return StageHealth(
        stage=stage,
        line=line,
        images=len(images),
        figures={name: rounded(value) for name, value in figures.items()},
        by_class={name: values for name, values in by_class.items() if values},
        by_image=worst_first(own if doubt is None else doubt),
        warnings=_warnings(stage, images, missing, shares, figures, classes, advice),
    )


def _spread(shares: Cases) -> dict[str, float]:
    """Class → standard deviation of its share of the image."""
    found: dict[str, list[float]] = {}
    for name, _, value in shares.rows:
        found.setdefault(name, []).append(value)
    return {name: rounded(float(np.std(values))) for name, values in found.items()}


def _warnings(
    stage: str,
    images: Sequence[Labelled],
    missing: Cases,
    shares: Cases,
    figures: Mapping[str, float],
    classes: Sequence[str],
    advice: Advice,
) -> list[Warning]:
    kind = {"proxy_fuse": "fused", "proxy_refine": "refined"}.get(stage, "relabelled")
    total = len(images)
    warnings = []
    without = missing.by_class()
    names = [
        name
        for name in sorted(without, key=lambda n: -without[n])
        if without[name] > advice.when.most_missing
    ]
    if names:
        found = (
            f"{len(names)} of {len(classes)} classes {verb(len(names), 'has', 'have')} no pixel in a part of "
            f"{verb(len(names), 'its', 'their')} images: {listed(missing.counts(), names)}"
        )
        warnings.append(warn(f"{kind}.missing", found, advice, total, names, missing.images(names)))
    if figures["undecided"] > advice.when.most_undecided:
        found = f"{figures['undecided']:.0%} of the pixels are undecided"
        worst = sorted(images, key=lambda image: -image.undecided / image.pixels)
        warnings.append(warn(f"{kind}.undecided", found, advice, total, ids=[image.id for image in worst]))
    if kind == "fused":
        warnings += _of_fused(images, shares, figures, advice)
    if kind == "refined" and figures.get("agreement", 1.0) < advice.when.least_agreement:
        found = f"fused and refined labels agree by {figures['agreement']:.2f} (mean intersection over union)"
        known = sorted((image.agreement, image.id) for image in images if image.agreement is not None)
        warnings.append(warn("refined.changed", found, advice, total, ids=[each for _, each in known]))
    return warnings


def _of_fused(
    images: Sequence[Labelled], shares: Cases, figures: Mapping[str, float], advice: Advice
) -> Iterable[Warning]:
    total = len(images)
    if figures.get("disagreement", 0.0) > MOST_APART:
        known = sorted((image.apart, image.id) for image in images if image.apart is not None)
        ids = [image_id for value, image_id in known if value < APART]
        found = f"attention and saliency disagree in {len(ids)} of {len(known)} images"
        yield warn("fused.disagreement", found, advice, total, ids=ids)
    mean = shares.by_class()
    names = [name for name, share in mean.items() if not SMALL <= share <= LARGE]
    if names:
        each = ", ".join(f"{name} {mean[name]:.1%} of the image" for name in names)
        found = f"the regions of {len(names)} of {len(mean)} classes are very small or very large: {each}"
        yield warn("fused.size", found, advice, total, names, shares.images(names, 0.0))
