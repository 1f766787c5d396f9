"""DeepLab-LargeFOV on VGG16 (Chen et al., ICLR 2015), as the SeeNet and OAA authors train it.

Pools 1–3 halve the resolution, pools 4 and 5 do not, conv5 and fc6 are dilated instead: output stride 8, and with
a dilation of 12 fc6's 3×3 kernel covers 25×25 positions, 200 pixels. On any other backbone the head is the same, its
dilation scaled with the stride so that it covers as many pixels.
"""

from weakseg.segmenter.networks.declaration import StridedMethod
from weakseg.settings.section import Positive


class LargeFovSettings(StridedMethod):
    """DeepLab-LargeFOV (Chen et al., 2015)."""

    name = "largefov"
    made_by = "LargeFov"
    backbones = ("vgg16", "vgg_small", "resnet50", "resnet101", "mobilenet_v3_large", "timm/")

    new_dense_rate: Positive = 1.0
    """Learning-rate multiplier of fc6 and fc7 when the initial weights lack them and they start from noise."""


import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.vgg import Vgg
from weakseg.segmenter.networks.features import DILATIONS, build_chosen, scaled
from weakseg.segmenter.networks.parts import (
    DENSE_STD,
    DROPOUT,
    SCORE_STD,
    DenseClassifier,
    initialize,
)

STRIDE = 8
DILATION = 12  # "large field of view", section 4.1; train.prototxt of OAA
WIDTH = 1024  # channels of fc6 and fc7; on other backbones at most as many as the features have


def published_vgg(architecture: str) -> Vgg:
    """A VGG at stride 8, its last stage dilated by 2."""
    return Vgg(architecture, pool_strides=(2, 2, 2, 1, 1), pool_kernel=3, last_dilation=2)


class LargeFov(DenseClassifier):
    """Backbone, 3×3 average pool, dilated fc6, fc7 and class scores.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    stride = STRIDE

    def __init__(self, architecture: str, classes: int, settings: LargeFovSettings) -> None:
        super().__init__()
        self.backbone: Backbone
        if architecture.startswith("vgg"):
            self.backbone = vgg = published_vgg(architecture)
            width = vgg.layout.head
        else:
            self.backbone = other = build_chosen(architecture, settings.output_stride, DILATIONS)
            self.stride, self.aligned = other.stride, other.aligned
            width = min(WIDTH, other.channels)
        reach = scaled(DILATION, STRIDE, self.stride)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.fc6: nn.Conv2d = nn.Conv2d(self.backbone.channels, width, 3, padding=reach, dilation=reach)
        self.fc7: nn.Conv2d = nn.Conv2d(width, width, 1)
        self.score: nn.Conv2d = nn.Conv2d(width, classes + 1, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.dense_rate = settings.new_dense_rate
        dense_std = None if self.backbone.unit_features else DENSE_STD
        for layer, std in ((self.fc6, dense_std), (self.fc7, dense_std), (self.score, SCORE_STD)):
            initialize(layer, std)

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32; on a VGG at stride 8, h = (H − 1) / 8 + 1 for H = 8k + 1."""
        features = self.pool(self.backbone(images))
        features = self.dropout(functional.relu(self.fc6(features)))
        features = self.dropout(functional.relu(self.fc7(features)))
        scores: Tensor = self.score(features).float()
        return scores
