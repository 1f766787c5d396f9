"""What a detector looks at: one map of VGG's features, or a pyramid of five (Lin et al., CVPR 2017)."""

from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.resnet import ResNet
from weakseg.backbones.vgg import Vgg

STAGES = {"resnet50": (1, 2, 3, 4), "resnet101": (1, 2, 3, 4), "mobilenet_v3_large": (1, 2, 3, 5)}
"""Backbone → its stages of strides 4, 8, 16 and 32, on which a pyramid stands."""
NECK_STD = 0.01
"""Deviation of new layers on VGG16 in py-faster-rcnn; features of Caffe's scale are far larger than unit ones."""


class SingleMap(nn.Module):
    """VGG's last features, brought to fewer channels.

    Attributes:
        backbone: holds the normalisation.
        maps: how many there are.
        pooled: names of the maps from which boxes are cut.
        multiple: sides of the images must be multiples of it, so that every cell stands for as many pixels.

    Args:
        architecture: `vgg16` or `vgg_small`.
        stride: pixels per cell, 8 or 16.
        channels: of the map.
    """

    maps = 1
    pooled = ("0",)

    def __init__(self, architecture: str, stride: int, channels: int) -> None:
        super().__init__()
        self.backbone = Vgg(architecture, pool_strides=(2, 2, 2, 2 if stride == 16 else 0, 0))
        self.neck = nn.Conv2d(self.backbone.channels, channels, 1)
        self.multiple, self.out_channels = stride, channels
        if self.backbone.unit_features:
            nn.init.kaiming_uniform_(self.neck.weight, a=1)  # as in torchvision's pyramid
        else:
            nn.init.normal_(self.neck.weight, std=NECK_STD)
        assert self.neck.bias is not None
        nn.init.zeros_(self.neck.bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Name → N×`channels`×h×w of RGB N×3×H×W in 0…255."""
        return {"0": self.neck(self.backbone(images))}


class Pyramid(nn.Module):
    """Maps at strides 4, 8, 16 and 32, and the last one again at 64 for the proposals alone, as torchvision has it.

    Args and attributes as in `SingleMap`; the strides are these.
    """

    maps = 5
    pooled = ("0", "1", "2", "3")
    multiple = 32

    def __init__(self, architecture: str, channels: int) -> None:
        super().__init__()
        mobile = architecture == "mobilenet_v3_large"
        self.backbone = MobileNet(stride=32) if mobile else ResNet(architecture, stride=32)
        self._stages, self.out_channels = STAGES[architecture], channels
        widths = [self.backbone.widths[stage] for stage in self._stages]
        self.neck = FeaturePyramidNetwork(widths, channels, extra_blocks=LastLevelMaxPool())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Name → N×`channels`×h×w of RGB N×3×H×W in 0…255, the finest first."""
        given = self.backbone.stage_features(images)
        maps: dict[str, Tensor] = self.neck(
            {str(number): given[stage] for number, stage in enumerate(self._stages)}
        )
        return maps


def build_features(architecture: str, stride: int, channels: int) -> SingleMap | Pyramid:
    """What a detector on this backbone looks at; `stride` is VGG's alone."""
    if architecture in STAGES:
        return Pyramid(architecture, channels)
    return SingleMap(architecture, stride, channels)
