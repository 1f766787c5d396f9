"""Scores, report and ledger."""

from typing import Literal

from pydantic import Field

from weakseg.settings.section import FilePath, RunName, Section


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
