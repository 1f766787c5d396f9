"""Saliency networks and maps."""

from typing import Literal

from pydantic import Field

from weakseg.config.section import Section
from weakseg.config.training import TrainingConfig


class SmallSaliency(Section):
    """A small encoder-decoder trained on the data set's saliency split (demo)."""

    training: TrainingConfig = TrainingConfig()


class OnnxSaliency(Section):
    """Any saliency network as an ONNX file."""

    file: str = "u2netp.onnx"
    """The model file; its SHA-256 is recorded with the maps."""
    preset: Literal["u2net", "imagenet", "plain"] = "u2net"
    """Pre- and post-processing: `u2net` scales by the image's maximum, then ImageNet mean and deviation, and
    min-max normalises the first output; `imagenet` divides by 255; `plain` gives RGB in [0, 1]. The last two
    clip the first output to [0, 1]."""
    size: int = Field(320, ge=32, le=2048)
    """Side of the square input."""


class FolderSaliency(Section):
    """Maps made elsewhere."""

    folder: str = "saliency"
    """Folder of grey PNGs named like the images, 0…255; any size."""


class SaliencyConfig(Section):
    """Which pixels stand out, whatever they show."""

    method: Literal["small", "onnx", "folder"] = "small"
    """Which of the three sections below is used."""
    small: SmallSaliency = SmallSaliency()
    onnx: OnnxSaliency = OnnxSaliency()
    folder: FolderSaliency = FolderSaliency()
