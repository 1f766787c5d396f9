"""DeepLab with deformable convolutions (Dai et al., ICCV 2017) in the last layers of its ResNet.

A deformable convolution reads each tap of its kernel at a place of its own, which another convolution predicts. The
paper replaces the 3×3 convolutions of the last three blocks (its default) and, in its table 1, three blocks before
them; by the notes DeepLab got worse with six. The paper's DeepLab has stride 16 and a 1×1 head; here everything else is
DeepLab v2, so that the two differ by the deformation alone.
"""

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from weakseg.backbones import ResNet
from weakseg.segmenter.deeplab_v2 import DeepLabV2


class DeformableDeepLab(DeepLabV2):
    """DeepLab v2 whose last `layers` 3×3 convolutions are deformable.

    Args:
        architecture: `resnet50` or `resnet101`.
        classes: number of classes C, without background.
        layers: 3 (layer 4) or 6 (also the last three blocks of layer 3).
        frozen_normalization: as in DeepLab v2.
    """

    def __init__(
        self, architecture: str, classes: int, layers: int = 3, frozen_normalization: bool = True
    ) -> None:
        super().__init__(architecture, classes, frozen_normalization=frozen_normalization)
        assert isinstance(self.backbone, ResNet)
        blocks = [*self.backbone.layer3, *self.backbone.layer4]
        for block in blocks[len(blocks) - layers :]:
            block.conv2 = DeformableConvolution(block.conv2)


class DeformableConvolution(nn.Conv2d):
    """A convolution with offsets from zero: at first it computes what `plain` does, with the same weights.

    Args:
        plain: the convolution that it replaces, without bias; its weight keeps its name.
    """

    def __init__(self, plain: nn.Conv2d) -> None:
        height, width = plain.kernel_size
        shape = {"stride": plain.stride, "padding": plain.padding, "dilation": plain.dilation}
        super().__init__(plain.in_channels, plain.out_channels, (height, width), bias=False, **shape)  # type: ignore[arg-type]
        self.weight = plain.weight
        # Two numbers, down and right in pixels of the features, for each tap (section 2.1).
        self.offset = nn.Conv2d(plain.in_channels, 2 * height * width, (height, width), **shape)  # type: ignore[arg-type]
        for parameter in self.offset.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        """Features N×I×h×w → N×O×h'×w' float32."""
        offset = self.offset(features)
        with torch.autocast(features.device.type, enabled=False):  # its kernels know no bfloat16 on a CPU
            return deform_conv2d(  # type: ignore[no-any-return]
                features.float(),
                offset.float(),
                self.weight.float(),
                stride=self.stride,
                padding=self.padding,
                dilation=self.dilation,
            )
