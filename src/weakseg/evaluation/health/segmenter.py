"""Health of the segmenter: whether its predictions name the classes of the labels, and agree with the proxy labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weakseg.evaluation.health.advice import Advice
from weakseg.evaluation.health.parts import rounded, warn, worst_first
from weakseg.evaluation.health.record import StageHealth, Warning

NAMED = 0.005
"""Share of the image from which a predicted class counts as named."""
LEAST = 0.5
"""Recall and precision below which a class is told."""
FEWEST = 3
"""Images of a class below which it is not told."""


@dataclass(frozen=True)
class Predicted:
    """One image's prediction.

    Attributes:
        id: the image.
        present: classes of its label.
        shares: predicted class → share of the image, without background.
        agreement: with its proxy label, as mean intersection over union; `None` without one.
    """

    id: str
    present: tuple[str, ...]
    shares: dict[str, float]
    agreement: float | None = None

    @property
    def named(self) -> set[str]:
        """The classes that it shows."""
        return {name for name, share in self.shares.items() if share >= NAMED}

    @property
    def doubt(self) -> float:
        """1 − |named ∩ present| / |named ∪ present|; 0 where both are empty."""
        every = self.named | set(self.present)
        return 1.0 - len(self.named & set(self.present)) / len(every) if every else 0.0


def check_predictions(
    stage: str, images: Sequence[Predicted], split: str, classes: Sequence[str], advice: Advice
) -> StageHealth:
    """Health of the predictions.

    Args:
        stage: `segmenter_predict`, with the round from the second one on.
        images: of the scored split.
        split: its name.
        classes: all class names.
        advice: thresholds, and values to try.
    """
    recall, precision = _rates(images, classes)
    agreed = [image.agreement for image in images if image.agreement is not None]
    figures: dict[str, float] = {}
    for name, values in (("recall", recall), ("precision", precision)):
        figures |= {name: float(np.mean(list(values.values())))} if values else {}
    figures |= {"agreement": float(np.mean(agreed))} if agreed else {}
    told = [f"{name} {value:.2f}" for name, value in figures.items() if name != "agreement"]
    line = f"classes of {len(images)} {split} images: {', '.join(told)}" if told else f"{len(images)} images"
    if agreed:
        line += f", {figures['agreement']:.2f} agreement with the proxy labels"
    return StageHealth(
        stage=stage,
        line=line,
        images=len(images),
        figures={name: rounded(value) for name, value in figures.items()},
        by_class={name: values for name, values in (("recall", recall), ("precision", precision)) if values},
        by_image=worst_first({image.id: image.doubt for image in images}),
        warnings=_warnings(images, split, recall, precision, agreed, advice),
    )


def _rates(images: Sequence[Predicted], classes: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Class → share of its images that show it, and share of the images showing it whose label names it."""
    recall, precision = {}, {}
    for name in classes:
        right = sum(name in image.present and name in image.named for image in images)
        present = sum(name in image.present for image in images)
        named = sum(name in image.named for image in images)
        if present:
            recall[name] = rounded(right / present)
        if named:
            precision[name] = rounded(right / named)
    return recall, precision


def _warnings(
    images: Sequence[Predicted],
    split: str,
    recall: dict[str, float],
    precision: dict[str, float],
    agreed: list[float],
    advice: Advice,
) -> list[Warning]:
    warnings = []
    for signal, rates, words in (
        ("segmenter.recall", recall, "found in a part of the images whose label names it"),
        ("segmenter.precision", precision, "found in images whose label does not name it"),
    ):
        names = [name for name in sorted(rates, key=lambda n: rates[n]) if rates[name] < LEAST]
        names = [name for name in names if sum(name in image.present for image in images) >= FEWEST]
        if names:
            each = ", ".join(f"{name} {rates[name]:.2f}" for name in names)
            found = f"{words} ({signal.partition('.')[2]} on {split}): {each}"
            ids = [
                image.id
                for image in images
                if any((name in image.present) != (name in image.named) for name in names)
            ]
            warnings.append(warn(signal, found, advice, len(images), names, ids))
    mean = float(np.mean(agreed)) if agreed else 1.0
    if mean < advice.when.least_agreement:
        found = (
            f"predictions and proxy labels of {len(agreed)} {split} images agree by {mean:.2f} (mean intersection "
            "over union)"
        )
        worst = sorted((image.agreement, image.id) for image in images if image.agreement is not None)
        warnings.append(warn("segmenter.agreement", found, advice, len(images), ids=[i for _, i in worst]))
    return warnings
