"""FCN-32s, 16s and 8s (Long, Shelhamer, Darrell, CVPR 2015) on VGG16, FCN-32s also on AlexNet, and on any features.

The fully connected layers become convolutions over features of stride 32. FCN-16s adds what the fourth pool says at
stride 16, FCN-8s also the third at stride 8; between them scores are doubled by a convolution that begins as bilinear
interpolation and learns. The last enlargement to pixels stays bilinear, as in the paper, so that it needs no layer:
scores are given, and stored, at the stride of the name.

A backbone without fully connected layers gets the score layer on its last features, as the paper's FCN-GoogLeNet.
"""

from typing import Any, ClassVar

from pydantic import Field

from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS
from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive

ANY = ("resnet50", "resnet101", "mobilenet_v3_large", "timm/")
"""Backbones without fully connected layers."""


class Fcn32sSettings(SegmenterMethod):
    """FCN-32s, 16s or 8s (Long et al., 2015)."""

    name = "fcn32s"
    made_by = "Fcn32s"
    backbones: ClassVar[tuple[str, ...]] = ("vgg16", "vgg_small", "alexnet", *ANY)

    width: int | None = Field(None, ge=16, le=4096)
    """Channels of fc6 and fc7; `null` as published: 4096, 128 on `vgg_small`. Fewer are decimated from the weights."""
    new_dense_rate: Positive = 1.0
    """As in largefov."""

    def check(self, section: Any) -> None:
        """Refuse settings of layers that the backbone does not have."""
        super().check(section)
        found = section.backbone.architecture
        dense = not found.startswith(ANY)
        for key, usual in (("width", None), ("new_dense_rate", 1.0)):
            if not dense and getattr(self, key) != usual:
                raise ValueError(
                    f"{self.name}.{key} is {getattr(self, key)}, but {found} has no fully connected layers, which it "
                    "is for; leave it out"
                )


class Fcn16sSettings(Fcn32sSettings):
    """As FCN-32s."""

    name = "fcn16s"
    made_by = "Fcn16s"
    backbones = ("vgg16", "vgg_small", *ANY)
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "finer features beside its last"


class Fcn8sSettings(Fcn16sSettings):
    """As FCN-32s."""

    name = "fcn8s"
    made_by = "Fcn8s"


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.alexnet import AlexNet
from weakseg.backbones.base import Backbone
from weakseg.backbones.grid import CENTRES, CORNERS
from weakseg.backbones.vgg import Vgg
from weakseg.segmenter.networks.features import build_features, stage_at
from weakseg.segmenter.networks.parts import (
    DENSE_STD,
    DROPOUT,
    SCORE_RATE,
    DenseClassifier,
    initialize,
)
from weakseg.training.parameters import ParameterGroup, caffe_groups

COARSEST = 32  # stride of the features under the coarsest scores
WIDTH = 4096  # of VGG16's and AlexNet's fc6 and fc7
SKIPS = {16: 3, 8: 2}  # stride → number of the stage of a VGG whose pool has it
SKIP_SCALES = {16: 0.01, 8: 0.0001}
"""Stride → factor of a pool's features, which reach hundreds without batch normalisation (PAMI 2017, FCN at once)."""


class Fcn32s(DenseClassifier):
    """FCN-32s, and what the finer ones add to it.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    stride = 32
    aligned = CENTRES

    def __init__(self, architecture: str, classes: int, settings: Fcn32sSettings) -> None:
        super().__init__()
        self.backbone: Backbone
        wanted = [stride for stride in SKIPS if stride >= self.stride]
        self.stages = {stride: SKIPS[stride] for stride in wanted}
        if architecture.startswith(ANY):
            self.backbone = other = build_features(architecture, COARSEST)
            self.aligned, unit, width = other.aligned, True, other.channels
            if wanted:  # whose coarsest scores have stride 32
                stage_at(other, COARSEST)
            self.stages = {stride: stage_at(other, stride) for stride in wanted}
            self.stride = wanted[-1] if wanted else other.stride
            self.kernel = 0
            self.fc6, self.fc7 = nn.Identity(), nn.Identity()
        else:
            self.backbone, usual, unit = _backbone(architecture)
            width = settings.width or usual
            self.kernel = 6 if architecture == "alexnet" else 7
            std = None if unit else DENSE_STD
            self.fc6 = initialize(nn.Conv2d(self.backbone.channels, width, self.kernel), std)
            self.fc7 = initialize(nn.Conv2d(width, width, 1), std)
        self.score = _zero(nn.Conv2d(width, classes + 1, 1))
        self.dropout = nn.Dropout(DROPOUT)
        self.dense_rate = settings.new_dense_rate
        self.skips = nn.ModuleDict()
        self.doubles = nn.ModuleDict()
        self.scales = {stride: 1.0 if unit else scale for stride, scale in SKIP_SCALES.items()}
        for stride, stage in self.stages.items():
            self.skips[str(stride)] = _zero(nn.Conv2d(self.backbone.widths[stage], classes + 1, 1))
            self.doubles[str(stride)] = Doubling(classes + 1, self.aligned)

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32, of VGGs h = ⌈H / stride⌉."""
        stages = self.backbone.stage_features(images)
        features = stages[-1]
        if self.kernel:
            before, after = (self.kernel - 1) // 2, self.kernel // 2
            features = functional.pad(features, (before, after, before, after))
            features = self.dropout(functional.relu(self.fc6(features)))
            features = self.dropout(functional.relu(self.fc7(features)))
        scores: Tensor = self.score(features).float()
        for name, skip in self.skips.items():
            taken = stages[self.stages[int(name)]]
            doubled = self.doubles[name](scores)[:, :, : taken.shape[2], : taken.shape[3]]
            scores = doubled.float() + skip(taken * self.scales[int(name)]).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """As LargeFOV: 1/2 for weights and biases, `new_dense_rate` for fc6 and fc7, 10/20 for the score layers.

        FCN's own score layers have 1/2, with unnormalised sums for losses. AdamW, which does not see a loss's scale,
        leaves them too close to zero then. The interpolation does not decay.
        """
        dense = nn.ModuleList([self.fc6, self.fc7])
        groups = caffe_groups(self.backbone) + caffe_groups(dense, self.dense_rate)
        groups += caffe_groups(nn.ModuleList([self.score, self.skips]), SCORE_RATE)
        doubling = list(self.doubles.parameters())
        return groups + ([ParameterGroup(doubling, 1.0, 0.0)] if doubling else [])


class Fcn16s(Fcn32s):
    """FCN-16s."""

    stride = 16


class Fcn8s(Fcn32s):
    """FCN-8s."""

    stride = 8


class Doubling(nn.ConvTranspose2d):
    """Maps N×M×h×w → N×M×2h×2w, at first by bilinear interpolation of their cells' centres.

    The border is repeated before and cut off after, so that this holds at the border, too. Cells over corners
    (`aligned`) give 2h − 1 × 2w − 1 and need no border.
    """

    def __init__(self, channels: int, aligned: str = CENTRES) -> None:
        kernel, padding = (3, 1) if aligned == CORNERS else (4, 3)
        super().__init__(channels, channels, kernel, stride=2, padding=padding, bias=False)
        self.border = 0 if aligned == CORNERS else 1
        taps = (
            1.0 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / 2.0
        )  # 1/4, 3/4, 3/4, 1/4 or 1/2, 1, 1/2
        with torch.no_grad():
            self.weight.zero_()
            for channel in range(channels):
                self.weight[channel, channel] = taps[:, None] * taps[None, :]

    def forward(self, maps: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Doubled maps."""
        if self.border:
            maps = functional.pad(maps, (1, 1, 1, 1), mode="replicate")
        return super().forward(maps, output_size)


def _backbone(architecture: str) -> tuple[AlexNet | Vgg, int, bool]:
    """The backbone, the usual width of its dense layers, and whether its features are of unit scale."""
    if architecture == "alexnet":
        return AlexNet(), WIDTH, False
    backbone = Vgg(architecture, pool_strides=(2, 2, 2, 2, 2), ceil_mode=True)
    unit = backbone.layout.batch_norm
    return backbone, backbone.layout.head if unit else WIDTH, unit


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Score layers begin with zero (section 4.2): a finer network begins as the coarser one."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
