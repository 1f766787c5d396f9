"""VGG16 (Simonyan and Zisserman, 2015) and a small sibling for the demo, with selectable pooling and dilation.

It stays beside torchvision's and timm's: SeeNet, ACoL, OAA and the DeepLabs publish pools and dilations of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from weakseg.backbones.architecture import Architecture


class Vgg16Architecture(Architecture):
    """VGG16."""

    name = "vgg16"
    made_by = "Vgg"
    rooms = frozenset({"attention", "saliency", "detector"})
    pixel_bytes = 6000


class VggSmallArchitecture(Architecture):
    """Its small sibling."""

    name = "vgg_small"
    made_by = "Vgg"
    rooms = frozenset({"attention", "detector"})
    published = False
    pixel_bytes = 2500
    cores = 1
    network_mb = 200


import torch
from torch import Tensor, nn

from weakseg.backbones.base import AttentionBackbone, Chain, Dilations, Pools, SaliencyBackbone
from weakseg.backbones.weights import InitialWeights


@dataclass(frozen=True)
class Layout:
    """Channels and number of convolutions of the five stages.

    `head` is the width of the fully convolutional layers that a segmenter, or ACoL, puts on top; `attention_head` that
    of the other attention networks' extra convolutions.
    """

    widths: tuple[int, int, int, int, int]
    depths: tuple[int, int, int, int, int]
    batch_norm: bool
    head: int
    attention_head: int


LAYOUTS = {
    "vgg16": Layout((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), False, 1024, 512),
    "vgg_small": Layout((16, 32, 64, 128, 128), (1, 1, 2, 2, 2), True, 128, 128),
}

NEUTRAL_MEAN = (127.5, 127.5, 127.5)
NEUTRAL_STD = (64.0, 64.0, 64.0)


class Vgg(Chain, AttentionBackbone, SaliencyBackbone):
    """Five stages of 3×3 convolutions, ReLU after each, a maximum pool after each stage but maybe the last.

    Args:
        architecture: a name of `LAYOUTS`.
        pool_strides: stride of the pool after each stage; 0 leaves the pool out.
        pool_kernel: 2, or 3 with padding 1 as DeepLab has it. A pool of stride 1 always has kernel 3.
        last_dilation: dilation of the fifth stage's convolutions.
        ceil_mode: pools of kernel 2 keep the last row and column of an odd side, as Caffe's do.
    """

    def __init__(
        self,
        architecture: str,
        pool_strides: tuple[int, int, int, int, int] = (2, 2, 2, 2, 0),
        pool_kernel: int = 2,
        last_dilation: int = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(NEUTRAL_MEAN, NEUTRAL_STD)
        self.architecture = architecture
        self.layout = LAYOUTS[architecture]
        self._ceil_mode = ceil_mode
        self.widths = self.layout.widths
        stages = []
        channels = 3
        for number in range(5):
            dilation = last_dilation if number == 4 else 1
            stages.append(self._stage(number, channels, dilation, pool_strides[number], pool_kernel))
            channels = self.layout.widths[number]
        self.stages = nn.Sequential(*stages)
        self.channels = channels
        self.side_channels = (self.layout.widths[3], channels)
        self.head_width = self.side_width = self.layout.attention_head
        self.dense_width = self.layout.head
        self.unit_features = self.layout.batch_norm
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @classmethod
    def for_attention(cls, architecture: str, stride: int, pools: Pools, *, exact: bool = True) -> Self:
        """As of `AttentionBackbone`.

        At stride 8 the fourth pool has stride 1, or is left out, and the fifth stage is dilated; `kernel` is that of
        pools with stride 2; `last` adds a pool of stride 1 after the fifth stage.
        """
        fourth = 2 if stride == 16 else int(pools.fourth)
        dilation = pools.dilation if stride == 8 else 1
        return cls(architecture, (2, 2, 2, fourth, int(pools.last)), pools.kernel, dilation)

    @classmethod
    def for_saliency(cls, architecture: str, stride: int, dilations: Dilations, frozen: bool) -> Self:
        """As of `SaliencyBackbone`; the last stage is dilated at stride 8."""
        strides = (2, 2, 2, 2 if stride > 8 else 0, 2 if stride > 16 else 0)
        return cls(architecture, strides, last_dilation=2 if stride == 8 else 1)

    def _stage(self, number: int, channels: int, dilation: int, stride: int, kernel: int) -> nn.Sequential:
        width = self.layout.widths[number]
        layers: list[nn.Module] = []
        for _ in range(self.layout.depths[number]):
            layers.append(
                nn.Conv2d(
                    channels, width, 3, padding=dilation, dilation=dilation, bias=not self.layout.batch_norm
                )
            )
            if self.layout.batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
        if stride:
            size = 3 if stride == 1 else kernel
            padding = size // 2 if size == 3 else 0
            pool = nn.MaxPool2d(size, stride, padding=padding, ceil_mode=self._ceil_mode)
            # Maximum and ReLU commute, to the bit: this way the ReLU sees a quarter of the pixels.
            layers.insert(-1, pool)
        return nn.Sequential(*layers)

    def _stages(self) -> list[Sequence[nn.Module]]:
        return [(stage,) for stage in self.stages]

    def side_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of stage 4 and, twice, of stage 5: where SPG's B1, B2 and A begin."""
        *_, low, high = self.stage_features(images)
        return low, high, high

    def drop_last_stage(self) -> None:
        """End with the fourth stage."""
        self.stages[4] = nn.Identity()

    def load(self, initial: InitialWeights) -> None:
        """Take the 13 convolutions, or the first 10 where the last stage was dropped, and their normalisation.

        Raises:
            ValueError: this architecture is not VGG16.
        """
        if self.architecture != "vgg16":
            raise ValueError(f"{self.architecture} has no published weights; only vgg16 does")
        convolutions = [
            layer for stage in self.stages for layer in stage.children() if isinstance(layer, nn.Conv2d)
        ]
        with torch.no_grad():
            for module, (weight, bias) in zip(
                convolutions, initial.convolutions[: len(convolutions)], strict=True
            ):
                assert module.bias is not None
                module.weight.copy_(weight)
                module.bias.copy_(bias)
        self.take_normalization(initial)
