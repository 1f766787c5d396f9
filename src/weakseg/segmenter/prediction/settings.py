"""How a trained segmenter predicts: what a run was configured with, or what an exported file says."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from weakseg.crf.settings import CrfConfig
from weakseg.errors import InputError
from weakseg.settings.reading import parse
from weakseg.settings.section import Scale, Section

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
