"""ResNet-50 and ResNet-101 (He et al., CVPR 2016), dilated to a chosen output stride: torchvision's modules and names.

It stays beside timm's: DeepLab v2, v3 and RCRNet each publish dilations of their own for the first block of a layer;
timm's `output_stride` gives one of the three.
"""

from collections.abc import Sequence
from typing import Self

from weakseg.backbones.architecture import Architecture, Torchvision


class ResNet50Architecture(Architecture):
    """ResNet-50."""

    name = "resnet50"
    made_by = "ResNet"
    rooms = frozenset({"saliency", "detector"})
    pyramid = True
    torchvision = Torchvision()
    keeps_statistics = True
    pixel_bytes = 9000
    network_mb = 900


class ResNet101Architecture(ResNet50Architecture):
    """ResNet-101."""

    name = "resnet101"
    torchvision = Torchvision()
    pixel_bytes = 14_000
    network_mb = 1500


from torch import nn

from weakseg.backbones.base import UNDILATED, Chain, Dilations, SaliencyBackbone
from weakseg.backbones.grid import CORNERS
from weakseg.backbones.weights import NORMALIZATIONS

TORCHVISION_8: Dilations = ((1, 2), (2, 4))
TORCHVISION: dict[int, Dilations] = {8: TORCHVISION_8, 16: ((1, 1), (1, 2)), 32: UNDILATED}
"""Stride → by torchvision's `replace_stride_with_dilation`: a first block keeps the dilation of the layer before."""


class ResNet(Chain, SaliencyBackbone):
    """Five stages: the first convolution and pool, then layers 1 to 4 with 256, 512, 1024 and 2048 channels.

    The stride of a block lies on its 3×3 convolution, as torchvision's weights expect it.

    Args:
        architecture: `resnet50` or `resnet101`.
        stride: output stride 8, 16 or 32: at 16 layer 4 keeps the resolution, at 8 layers 3 and 4 do.
        dilations: of layers 3 and 4; published networks differ in those of the first blocks.
    """

    channels = 2048
    unit_features = True
    cells_at_corners = True
    aligned = CORNERS
    widths = (64, 256, 512, 1024, 2048)

    def __init__(self, architecture: str, stride: int, dilations: Dilations = UNDILATED) -> None:
        from torchvision import models

        mean, std, _ = NORMALIZATIONS["torchvision"]
        super().__init__(mean, std)
        self.architecture = architecture
        self.strides = (4, 4, 8, min(16, stride), stride)
        self.stride = stride
        full = models.get_model(
            architecture, weights=None, replace_stride_with_dilation=[False, stride <= 8, stride <= 16]
        )
        self.conv1, self.bn1, self.relu, self.maxpool = full.conv1, full.bn1, full.relu, full.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            full.layer1,
            full.layer2,
            full.layer3,
            full.layer4,
        )
        for layer, (first, others) in zip((self.layer3, self.layer4), dilations, strict=True):
            for number, block in enumerate(layer):
                _dilate(block.conv2, others if number else first)

    @classmethod
    def for_saliency(cls, architecture: str, stride: int, dilations: Dilations, frozen: bool) -> Self:
        """As of `SaliencyBackbone`."""
        made = cls(architecture, stride, dilations)
        if frozen:
            made.freeze_normalization()
        return made

    def _stages(self) -> list[Sequence[nn.Module]]:
        first = (self.conv1, self.bn1, self.relu, self.maxpool)
        return [first, *((layer,) for layer in (self.layer1, self.layer2, self.layer3, self.layer4))]

    def drop_last_stage(self) -> None:
        """End with layer 3."""
        self.layer4 = nn.Identity()


def _dilate(convolution: nn.Conv2d, dilation: int) -> None:
    """Dilate a 3×3 convolution, and pad it by as much, so that the features keep their size."""
    convolution.dilation = convolution.padding = (dilation, dilation)
