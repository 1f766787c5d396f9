"""What a detector looks at: one map of VGG's features, or a pyramid of five (Lin et al., CVPR 2017)."""

from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from weakseg.backbones import BACKBONES
from weakseg.backbones.base import UNDILATED, SaliencyBackbone
from weakseg.backbones.mobilenet import MobileNet
from weakseg.backbones.vgg import Vgg

STRIDES = (4, 8, 16, 32)
MOBILE_STAGES = (1, 2, 3, 5)
"""Stages of MobileNetV3 that have these strides."""
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
        self.out_channels = channels
        self.backbone: MobileNet | SaliencyBackbone
        if architecture == "mobilenet_v3_large":
            self.backbone = mobile = MobileNet(stride=32)
            widths = [mobile.widths[stage] for stage in MOBILE_STAGES]
        else:
            make = BACKBONES[architecture].maker().for_saliency  # whose networks see the same four levels
            self.backbone = levelled = make(architecture, STRIDES[-1], UNDILATED, False)
            widths = list(levelled.level_widths)
        self.neck = FeaturePyramidNetwork(widths, channels, extra_blocks=LastLevelMaxPool())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Name → N×`channels`×h×w of RGB N×3×H×W in 0…255, the finest first."""
        if isinstance(self.backbone, MobileNet):
            stages = self.backbone.stage_features(images)
            given = [stages[number] for number in MOBILE_STAGES]
        else:
            given = self.backbone.levels(images)
        maps: dict[str, Tensor] = self.neck({str(number): features for number, features in enumerate(given)})
        return maps


def build_features(architecture: str, stride: int, channels: int) -> SingleMap | Pyramid:
    """What a detector on this backbone looks at; `stride` is VGG's alone."""
    if BACKBONES[architecture].pyramid:
        return Pyramid(architecture, channels)
    return SingleMap(architecture, stride, channels)
