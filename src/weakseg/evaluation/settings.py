"""Scores, report, ledger and health."""

import difflib
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from weakseg.evaluation.health.signals import USUALLY
from weakseg.settings.section import FilePath, Fraction, RunName, Section


class EvaluationConfig(Section):
    """Scores and report."""

    split: Literal["train", "val"] = "val"
    """Split on which the segmenter is scored."""
    sample: int = Field(6, ge=0, le=100)
    """Number of images in the fixed montage."""
    worst: int = Field(6, ge=0, le=100)
    """Number of images in the montage of the worst."""
    ceiling: RunName | None = None
    """Name of the run with `segmenter.labels: masks` that the report divides by (`weak / full`)."""
    boxes: FilePath = "masks"
    """True boxes for the scores of boxes: `masks` (around each connected region), a folder of VOC's XML files, or a CSV
    file with the columns id, class, left, top, right, bottom."""


class OutsideFile(Section):
    """The supervision behind a file or folder that weakseg does not know."""

    data: str = Field("unknown", pattern=r"^[^\x00-\x1f\x7f]+$", max_length=1000)
    """Its training data in a few words: `DUTS-TR masks`, `ImageNet`."""
    labels: Literal["pixels", "boxes", "image", "none", "unknown"] = "unknown"
    """The strongest labels used: masks, boxes, image-level classes, or none."""


class SupervisionConfig(Section):
    """The supervision ledger of a run. It changes the report, never the results."""

    files: dict[FilePath, OutsideFile] = Field(default_factory=dict)
    """Path as in this configuration, or SHA-256 → its training data. weakseg knows U²-Net-p,
    torchvision's weights and the VGG16 file of the presets by their SHA-256; others are `unknown` without this."""


def _signal(name: str) -> str:
    """Refuse a name that is not a signal of health, or one that comes too late to stop anything."""
    if name.startswith("segmenter.") and name in USUALLY:
        raise ValueError(
            f"'{name}' is seen only after the segmenter has trained; a signal of attention, saliency or proxy labels "
            "was expected: take it out"
        )
    if name in USUALLY:
        return name
    near = difflib.get_close_matches(name, USUALLY, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(USUALLY)}"
    raise ValueError(f"'{name}' is not a signal of health; {hint}")


class HealthConfig(Section):
    """What looks wrong without masks: when to warn, and when to stop."""

    stop: list[Annotated[str, AfterValidator(_signal)]] = Field(default_factory=list)
    """Signals that are an error before the segmenter trains, such as `attention.collapsed`."""
    most_without_attention: Fraction = 0.5
    """Share of a class's images with empty or flat attention above which the class counts as collapsed."""
    least_precision: Fraction = 0.5
    """Average precision of the classifier on `val` below which a class is named."""
    most_odd_saliency: Fraction = 0.25
    """Share of images with a constant, empty, full or framing saliency map above which it is told."""
    most_missing: Fraction = 0.1
    """Share of a class's images in which it has no pixel above which it is told."""
    most_undecided: Fraction = 0.7
    """Share of undecided pixels above which it is told."""
    least_agreement: Fraction = 0.5
    """Agreement of two stages' labels, as intersection over union, below which it is told."""
