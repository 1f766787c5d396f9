"""DeepLab-LargeFOV on VGG16 (Chen et al., ICLR 2015), as the SeeNet and OAA authors train it.

Pools 1–3 halve the resolution, pools 4 and 5 do not, conv5 and fc6 are dilated instead: output stride 8, and with
a dilation of 12 fc6's 3×3 kernel covers 25×25 positions, 200 pixels.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import InitialWeights, Vgg
from weakseg.storage.labels import UNDECIDED
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE = 8
DILATION = 12  # "large field of view", section 4.1; train.prototxt of OAA
SCORE_RATE = 10.0  # lr_mult 10 / 20 of the score layer, all others 1 / 2
DROPOUT = 0.5
DENSE_STD = 0.005  # kaiming on Caffe-scaled features diverges at the published rate


class LargeFov(nn.Module):
    """Backbone, 3×3 average pool, dilated fc6, fc7 and class scores.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        new_dense_rate: learning-rate multiplier of fc6 and fc7 when they start from noise.
    """

    stride = STRIDE

    def __init__(self, architecture: str, classes: int, new_dense_rate: float = 1.0) -> None:
        super().__init__()
        self.backbone = Vgg(architecture, pool_strides=(2, 2, 2, 1, 1), pool_kernel=3, last_dilation=2)
        width = self.backbone.layout.head
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.fc6 = nn.Conv2d(self.backbone.channels, width, 3, padding=DILATION, dilation=DILATION)
        self.fc7 = nn.Conv2d(width, width, 1)
        self.score = nn.Conv2d(width, classes + 1, 1)
        self.dropout = nn.Dropout(DROPOUT)
        self.dense_rate = new_dense_rate
        for layer, std in ((self.fc6, DENSE_STD), (self.fc7, DENSE_STD), (self.score, 0.01)):
            if self.backbone.layout.batch_norm and layer is not self.score:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # features of unit scale
            else:
                nn.init.normal_(layer.weight, std=std)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)

    def load(self, initial: InitialWeights) -> None:
        """Take the convolutions and, where the weights have them, fc6 and fc7 by decimation."""
        self.backbone.load(initial)
        for layer, dense in ((self.fc6, initial.fc6), (self.fc7, initial.fc7)):
            if dense is not None:
                decimate(layer, *dense)
                self.dense_rate = 1.0

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at stride 8; h = (H − 1) / 8 + 1 for H = 8k + 1."""
        features = self.pool(self.backbone(images))
        features = self.dropout(functional.relu(self.fc6(features)))
        features = self.dropout(functional.relu(self.fc7(features)))
        scores: Tensor = self.score(features).float()
        return scores

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Softmax cross entropy over the decided pixels of `labels` N×H×W; zero where none is decided."""
        labels = batch["labels"].long()
        logits = functional.interpolate(
            self.logits(batch["image"]), labels.shape[1:], mode="bilinear", align_corners=True
        )
        total = functional.cross_entropy(logits, labels, ignore_index=UNDECIDED, reduction="sum")
        return {"loss_labels": total / (labels != UNDECIDED).sum().clamp(min=1)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """1/2 for weights and biases, `new_dense_rate` for fc6 and fc7, 10/20 for the score layer."""
        dense = nn.ModuleList([self.fc6, self.fc7])
        return (
            caffe_groups(self.backbone)
            + caffe_groups(dense, self.dense_rate)
            + caffe_groups(self.score, SCORE_RATE)
        )


def decimate(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Fill a convolution by taking every n-th filter and tap of a larger one (DeepLab, section 3.1).

    Args:
        layer: O×I×k×k.
        weight: O'×I'×K×K with O' ≥ O, I' ≥ I, K ≥ k.
        bias: O'.
    """
    picked = weight
    for axis, size in enumerate(layer.weight.shape):
        positions = torch.linspace(0, weight.shape[axis] - 1, size).round().long()
        picked = picked.index_select(axis, positions)
    rows = torch.linspace(0, len(bias) - 1, layer.weight.shape[0]).round().long()
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(picked)
        layer.bias.copy_(bias[rows])
