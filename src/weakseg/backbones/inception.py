"""Inception-v3 (Szegedy et al., CVPR 2016) up to Mixed_6e, at the output stride that SPG publishes.

It stays beside timm's, which is not padded and has no stride 8.
Torchvision's modules and parameter names, so that its weights fit. Against torchvision the first convolution and
both pools are padded and, at stride 8, Mixed_6a keeps the resolution.
"""

from collections.abc import Sequence
from typing import Self

from weakseg.backbones.architecture import Architecture, Torchvision


class InceptionArchitecture(Architecture):
    """Inception-v3, SPG's own."""

    name = "inception_v3"
    made_by = "Inception"
    rooms = frozenset({"attention"})
    torchvision = Torchvision({"aux_logits": False, "init_weights": False}, "inception")
    pixel_bytes = 6000
    network_mb = 800


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import AttentionBackbone, Chain, Pools
from weakseg.backbones.weights import NORMALIZATIONS

ALIGNED_PADDING = (6, 10, 6, 10)
"""Left, right, top and bottom, in pixels, that put cell i of the stride-8 features over pixel 8i.

Without padding it lies over pixel 8i + 6: 2a and 4a are not padded and lose 1 cell of stride 2 and 1 of stride 4 at
each side. With it an image of 8k + 1 pixels has k + 2 cells, the last one beyond it, so that 4a has something to see
in an image of one pixel.
"""


class Inception(Chain, AttentionBackbone):
    """Five stages: convolutions 1a to 2b, 3b to 4a, Mixed_5, Mixed_6a, Mixed_6b to 6e.

    Args:
        stride: 8 as SPG has it, or 16.
    """

    architecture = "inception_v3"
    channels = 768
    head_width = dense_width = 1024  # fc6 and fc7_1 of the official code
    head_dropout = 0.5  # of SPG-A, before fc6, fc7_1 and the scores
    side_channels = (288, 768)
    side_width = 512
    unit_features = True

    def __init__(self, stride: int) -> None:
        from torchvision.models import inception

        mean, std, _ = NORMALIZATIONS["inception"]
        super().__init__(mean, std)
        convolution = inception.BasicConv2d
        self.Conv2d_1a_3x3 = convolution(3, 32, kernel_size=3, stride=2, padding=1)
        self.Conv2d_2a_3x3 = convolution(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = convolution(32, 64, kernel_size=3, padding=1)
        self.Conv2d_3b_1x1 = convolution(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = convolution(80, 192, kernel_size=3)
        self.Mixed_5b = inception.InceptionA(192, pool_features=32)
        self.Mixed_5c = inception.InceptionA(256, pool_features=64)
        self.Mixed_5d = inception.InceptionA(288, pool_features=64)
        self.Mixed_6a = _Reduction(stride // 8)
        self.Mixed_6b = inception.InceptionC(768, channels_7x7=128)
        self.Mixed_6c = inception.InceptionC(768, channels_7x7=160)
        self.Mixed_6d = inception.InceptionC(768, channels_7x7=160)
        self.Mixed_6e = inception.InceptionC(768, channels_7x7=192)
        self._pool = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    @classmethod
    def for_attention(cls, architecture: str, stride: int, pools: Pools, *, exact: bool = True) -> Self:
        """As of `AttentionBackbone`."""
        return cls(stride)

    def _stages(self) -> list[Sequence[nn.Module]]:
        return [
            [self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3],
            [self._pool, self.Conv2d_3b_1x1, self.Conv2d_4a_3x3],
            [self._pool, self.Mixed_5b, self.Mixed_5c, self.Mixed_5d],
            [self.Mixed_6a],
            [self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e],
        ]

    def side_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of Mixed_5d (N×288), Mixed_6d and Mixed_6e (N×768): where SPG's B1, B2 and A begin."""
        features = self.normalize(images)
        taken = []
        for number, stage in enumerate(self._stages()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                for layer in stage:
                    features = layer(features)
                    if layer is self.Mixed_5d or layer is self.Mixed_6d:
                        taken.append(features)
        return taken[0], taken[1], features


class _Reduction(nn.Module):
    """Mixed_6a with padding, so that stride 1 keeps the resolution."""

    def __init__(self, stride: int) -> None:
        from torchvision.models import inception

        super().__init__()
        self._stride = stride
        published = inception.InceptionB(288)
        self.branch3x3 = published.branch3x3
        self.branch3x3dbl_1 = published.branch3x3dbl_1
        self.branch3x3dbl_2 = published.branch3x3dbl_2
        self.branch3x3dbl_3 = published.branch3x3dbl_3
        for branch in (self.branch3x3, self.branch3x3dbl_3):
            branch.conv.stride, branch.conv.padding = (stride, stride), (1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """N×288×h×w → N×768×h'×w'."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(features)))
        pooled = functional.max_pool2d(features, kernel_size=3, stride=self._stride, padding=1)
        return torch.cat([self.branch3x3(features), double, pooled], 1)
