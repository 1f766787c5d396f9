"""Segmenters and their predictions."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.config.crf import CrfConfig
from weakseg.config.section import Positive, Section
from weakseg.config.training import BackboneConfig, TrainingConfig


class PredictionConfig(Section):
    """How a trained segmenter labels an image."""

    scales: list[Positive] = Field(default_factory=lambda: [1.0], min_length=1)
    """Image sizes whose class probabilities are averaged."""
    flip: bool = False
    """Average with the mirrored image."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""
    crf: CrfConfig = CrfConfig(preset="deeplab")


class LargeFovConfig(Section):
    """DeepLab-LargeFOV (Chen et al., 2015)."""

    new_dense_rate: Positive = 1.0
    """Learning-rate multiplier of fc6 and fc7 when the initial weights lack them and they start from noise."""


class SegmenterConfig(Section):
    """The network that users keep."""

    method: Literal["largefov"] = "largefov"
    """Name of the segmenter."""
    labels: Literal["proxy", "masks"] = "proxy"
    """`proxy`: refined proxy labels. `masks`: the true masks, the supervised ceiling; never a weak result."""
    backbone: BackboneConfig = BackboneConfig()
    """As in attention; `weights: attention` starts from the backbone that this run's attention network trained,
    which must be of the same architecture."""
    largefov: LargeFovConfig = LargeFovConfig()
    training: TrainingConfig = TrainingConfig(batch_size=10, iterations=16_000)
    prediction: PredictionConfig = PredictionConfig()

    @model_validator(mode="after")
    def _has_vgg(self) -> Self:
        if self.backbone.architecture == "inception_v3":
            raise ValueError("backbone.architecture is inception_v3; largefov stands on vgg16 or vgg_small")
        return self
