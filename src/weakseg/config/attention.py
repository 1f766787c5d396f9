"""Attention networks and maps."""

from typing import Literal

from pydantic import Field

from weakseg.config.section import Positive, Section
from weakseg.config.training import BackboneConfig, TrainingConfig


class SeeNetConfig(Section):
    """Self-Erasing Network (Hou et al., NeurIPS 2018)."""

    thresholds: Literal["paper", "release"] = "paper"
    """`paper`: erase above 0.7, reverse below 0.05; `release`: 0.8 and 0.0 (nothing is reversed)."""
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the three branches; the release uses 1."""


class MapsConfig(Section):
    """How attention maps are computed from a trained network."""

    size: int = Field(384, ge=32, le=4096)
    """Longest side the image is brought to, in pixels."""
    scales: list[Positive] = Field(default_factory=lambda: [1.0], min_length=1)
    """Sizes relative to `size`; their maps are averaged."""
    flip: bool = True
    """Fuse with the mirrored image's maps by maximum."""
    batch_size: int = Field(16, ge=1)
    """Images of one size per forward pass."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""


class AttentionConfig(Section):
    """The classifier whose attention says where the classes are."""

    method: Literal["seenet"] = "seenet"
    """Name of the attention network."""
    backbone: BackboneConfig = BackboneConfig()
    seenet: SeeNetConfig = SeeNetConfig()
    training: TrainingConfig = TrainingConfig(weight_decay=2e-4, schedule="step")
    maps: MapsConfig = MapsConfig()
