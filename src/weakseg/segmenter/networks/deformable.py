"""DeepLab with deformable convolutions (Dai et al., ICCV 2017) in the last layers of its backbone.

A deformable convolution reads each tap of its kernel at a place of its own, which another convolution predicts. The
paper replaces the 3×3 convolutions of the last three blocks of a ResNet (its default) and, in its table 1, three blocks
before them; by the notes DeepLab got worse with six. The paper's DeepLab has stride 16 and a 1×1 head; here everything
else is DeepLab v2, or LargeFOV on a VGG, so that two runs differ by the deformation alone.
"""

from collections.abc import Iterable
from typing import Literal

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class DeformableSettings(SegmenterMethod):
    """LargeFOV on a VGG, DeepLab v2 on a ResNet, with deformable convolutions (Dai et al., 2017)."""

    name = "deformable"
    made_by = "deformable"
    backbones = ("vgg16", "vgg_small", "resnet50", "resnet101")

    layers: Literal[3, 6] = 3
    """How many of the backbone's last 3×3 convolutions deform; by the paper DeepLab got worse with 6."""
    new_dense_rate: Positive = 1.0
    """As in largefov."""


import torch
from torch import Tensor, nn

from weakseg.backbones.base import unit_scale
from weakseg.backbones.resnet import ResNet
from weakseg.backbones.vgg import Vgg
from weakseg.segmenter.networks.deeplab_v2 import DeepLabV2, DeepLabV2Settings
from weakseg.segmenter.networks.largefov import LargeFov, LargeFovSettings
from weakseg.segmenter.networks.parts import PixelClassifier


def deformable(architecture: str, classes: int, settings: DeformableSettings) -> PixelClassifier:
    """LargeFOV on a VGG, DeepLab v2 on a ResNet, the last `layers` 3×3 convolutions of the backbone deformable.

    Args:
        architecture: `vgg16`, `vgg_small`, `resnet50` or `resnet101`.
        classes: number of classes C, without background.
        settings: 3 `layers` are VGG16's conv5 or a ResNet's layer 4; 6 are three before them, too.
    """
    layers = settings.layers
    if architecture.startswith("vgg"):
        plain = LargeFov(architecture, classes, LargeFovSettings(new_dense_rate=settings.new_dense_rate))
        assert isinstance(plain.backbone, Vgg)
        convolutions = [
            (stage, name)
            for stage in plain.backbone.stages
            for name, layer in stage.named_children()
            if isinstance(layer, nn.Conv2d)
        ]
        deform(convolutions[-layers:], plain.backbone.unit_features)
        return plain
    network = DeepLabV2(architecture, classes, DeepLabV2Settings())
    assert isinstance(network.backbone, ResNet)
    blocks = [*network.backbone.layer3, *network.backbone.layer4]
    deform(((block, "conv2") for block in blocks[-layers:]), network.backbone.unit_features)
    return network


def deform(places: Iterable[tuple[nn.Module, str]], unit_features: bool) -> None:
    """Put a deformable convolution in the place of each plain one, named by its parent and its name there."""
    for parent, name in places:
        setattr(parent, name, DeformableConvolution(getattr(parent, name), unit_features))


class DeformableConvolution(nn.Conv2d):
    """A convolution with offsets from zero: at first it computes what `plain` does, with the same weights.

    Args:
        plain: the convolution that it replaces; its weight and bias keep their names.
        unit_features: its input has a root mean square of about 1. Otherwise the offsets are predicted from features
            scaled to that: on VGG16's, which reach hundreds, 125 steps of AdamW threw them 13 to 24 cells far.
    """

    def __init__(self, plain: nn.Conv2d, unit_features: bool = True) -> None:
        height, width = plain.kernel_size
        shape = {"stride": plain.stride, "padding": plain.padding, "dilation": plain.dilation}
        super().__init__(plain.in_channels, plain.out_channels, (height, width), bias=False, **shape)  # type: ignore[arg-type]
        self.weight, self.bias = plain.weight, plain.bias
        self.unit_features = unit_features
        # Two numbers, down and right in pixels of the features, for each tap (section 2.1).
        self.offset = nn.Conv2d(plain.in_channels, 2 * height * width, (height, width), **shape)  # type: ignore[arg-type]
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        """Features N×I×h×w → N×O×h'×w' float32."""
        from torchvision.ops import deform_conv2d

        offset = self.offset(features if self.unit_features else unit_scale(features))
        with torch.autocast(features.device.type, enabled=False):  # its kernels know no bfloat16 on a CPU
            return deform_conv2d(  # type: ignore[no-any-return]
                features.float(),
                offset.float(),
                self.weight.float(),
                None if self.bias is None else self.bias.float(),
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
            )
