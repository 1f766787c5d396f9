"""DeepLab-ASPP on VGG16 (Chen et al., PAMI 2018, section 4.1.2, DeepLab-ASPP-L): four LargeFOV heads side by side."""

import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.vgg import Vgg
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.parts import (
    DENSE_STD,
    DROPOUT,
    SCORE_RATE,
    SCORE_STD,
    PixelClassifier,
    decimate,
    initialize,
)
from weakseg.training.parameters import ParameterGroup, caffe_groups

RATES = (6, 12, 18, 24)  # ASPP-L, table 3


class VggAspp(PixelClassifier):
    """Backbone as LargeFOV's without the average pool; fc6, fc7 and scores per dilation, the scores summed.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        new_dense_rate: learning-rate multiplier of all fc6 and fc7 when they start from noise.
    """

    stride = 8

    def __init__(self, architecture: str, classes: int, new_dense_rate: float = 1.0) -> None:
        super().__init__()
        self.backbone = Vgg(architecture, pool_strides=(2, 2, 2, 1, 1), pool_kernel=3, last_dilation=2)
        width = self.backbone.layout.head
        std = None if self.backbone.layout.batch_norm else DENSE_STD
        inside = self.backbone.channels
        self.fc6 = nn.ModuleList(
            initialize(nn.Conv2d(inside, width, 3, padding=rate, dilation=rate), std) for rate in RATES
        )
        self.fc7 = nn.ModuleList(initialize(nn.Conv2d(width, width, 1), std) for _ in RATES)
        self.score = nn.ModuleList(initialize(nn.Conv2d(width, classes + 1, 1), SCORE_STD) for _ in RATES)
        self.dropout = nn.Dropout(DROPOUT)
        self.dense_rate = new_dense_rate

    def load(self, initial: InitialWeights) -> None:
        """Take the convolutions and, where given, fc6 and fc7 by decimation, the same in each branch."""
        self.backbone.load(initial)
        for layers, dense in ((self.fc6, initial.fc6), (self.fc7, initial.fc7)):
            if dense is not None:
                for layer in layers:
                    assert isinstance(layer, nn.Conv2d)
                    decimate(layer, *dense)
                self.dense_rate = 1.0

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at stride 8; h = (H − 1) / 8 + 1 for H = 8k + 1."""
        features = self.backbone(images)
        branches: list[Tensor] = []
        for fc6, fc7, score in zip(self.fc6, self.fc7, self.score, strict=True):
            hidden = self.dropout(functional.relu(fc6(features)))
            hidden = self.dropout(functional.relu(fc7(hidden)))
            branches.append(score(hidden).float())
        return branches[0] + branches[1] + branches[2] + branches[3]

    def parameter_groups(self) -> list[ParameterGroup]:
        """1/2 for weights and biases, `new_dense_rate` for fc6 and fc7, 10/20 for the score layers."""
        dense = nn.ModuleList([self.fc6, self.fc7])
        return (
            caffe_groups(self.backbone)
            + caffe_groups(dense, self.dense_rate)
            + caffe_groups(self.score, SCORE_RATE)
        )
