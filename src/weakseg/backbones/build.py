"""Backbones as the rooms ask for them."""

from weakseg.backbones import BACKBONES
from weakseg.backbones.base import AttentionBackbone, Dilations, Pools, SaliencyBackbone


def backbone(architecture: str, stride: int, pools: Pools) -> AttentionBackbone:
    """The backbone of an attention network, see `AttentionBackbone`."""
    made: AttentionBackbone = BACKBONES[architecture].maker().for_attention(architecture, stride, pools)
    return made


def staged(
    architecture: str,
    stride: int,
    dilations: Dilations | None = None,
    frozen_normalization: bool = False,
) -> SaliencyBackbone:
    """The backbone of a saliency network, see `SaliencyBackbone.for_saliency`."""
    make = BACKBONES[architecture].maker().for_saliency
    made: SaliencyBackbone = make(architecture, stride, dilations, frozen_normalization)
    return made
