"""How a trained segmenter predicts: what a run was configured with, or what an exported file says."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from weakseg.crf.settings import CrfConfig
from weakseg.errors import InputError
from weakseg.settings.reading import parse
from weakseg.settings.section import Scale, Section
from weakseg.storage.run import Run

LONGEST = 1024
"""Longer side, in pixels, above which users' images are shrunk for the network: it bounds the memory."""
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
LEAST_WINDOW = 64


class PredictionConfig(Section):
    """How a trained segmenter labels an image."""

    scales: list[Scale] = Field(default_factory=lambda: [1.0], min_length=1)
    """Image sizes whose class probabilities are averaged."""
    flip: bool = False
    """Average with the mirrored image."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""
    longest: int | None = Field(None, ge=16)
    """Longer side in pixels to which larger images are shrunk for the network and the CRF; `null` keeps their size. The
    value of `training.resize`, where that is set."""
    crf: CrfConfig = CrfConfig(preset="deeplab")


def read_prediction(values: Mapping[str, Any], source: str) -> PredictionConfig:
    """The prediction settings that a run or an exported file holds, all of them.

    Raises:
        InputError: a value is missing or wrong; `source` is named.
    """
    missing = set(PredictionConfig.model_fields) - set(values)
    if missing:
        raise InputError(
            f"the prediction settings of {source} are damaged: they lack {', '.join(sorted(missing))}; run snakemake "
            "again, or export again."
        )
    return parse(PredictionConfig, values, f"the prediction settings of {source} are damaged")


def settings_of(run: Run) -> PredictionConfig:
    """The settings that a run predicts with.

    Raises:
        InputError: they are missing or damaged.
    """
    values = run.settings("segmenter-predict") | run.settings("segmenter-refine")
    return read_prediction(values, str(run.folder))


def check_window(window: int | None, crf: bool) -> None:
    """Refuse windows that are too small, and windows with the CRF.

    Raises:
        InputError: as said.
    """
    if window is not None and (window < LEAST_WINDOW or crf):
        raise InputError(
            f"window {window} was given{' with the CRF' if crf else ''}; {LEAST_WINDOW} pixels or more were expected, "
            "and no CRF, whose memory grows with the whole image: leave one of them out."
        )


def given_instead(settings: PredictionConfig, given: Mapping[str, Any]) -> PredictionConfig:
    """Settings with values that a user gives instead; `None` gives none.

    Raises:
        InputError: a value is out of its range.
    """
    values = settings.values() | {name: value for name, value in given.items() if value is not None}
    values["longest"] = values["longest"] or LONGEST
    return parse(PredictionConfig, values, "the prediction settings")
