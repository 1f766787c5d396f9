"""Scores and report."""

from typing import Literal

from pydantic import Field

from weakseg.config.section import FilePath, RunName, Section


class EvaluationConfig(Section):
    """Scores and report."""

    split: Literal["train", "val"] = "val"
    """Images the segmenter is scored on."""
    sample: int = Field(6, ge=0, le=100)
    """Images of the fixed montage."""
    worst: int = Field(6, ge=0, le=100)
    """Images of the montage of the worst."""
    ceiling: RunName | None = None
    """Name of the run with `segmenter.labels: masks` that the report divides by (`weak / full`)."""
    boxes: FilePath = "masks"
    """True boxes for the scores of boxes: `masks` (around each connected region), a folder of VOC's XML files, or a CSV
    file with the columns id, class, left, top, right, bottom."""
