"""What all segmenters share: how they learn from label maps, and the fully connected layers of VGG16 and AlexNet."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.grid import CORNERS, enlarge, whole
from weakseg.backbones.weights import InitialWeights
from weakseg.segmenter.loss import PixelLoss
from weakseg.training.parameters import ParameterGroup, caffe_groups

DENSE_STD = (
    0.005  # Caffe's filler of fc6 and fc7; kaiming on Caffe-scaled features diverges at the published rate
)
SCORE_STD = 0.01
DROPOUT = 0.5
SCORE_RATE = 10.0  # lr_mult 10 / 20 of DeepLab's score layers, all others 1 / 2; FCN's here, too


class PixelClassifier(nn.Module, ABC):
    """A segmenter that learns from label maps. Its subclasses add a backbone, `logits` and `parameter_groups`.

    Attributes:
        backbone: holds the normalisation.
        stride: pixels of the image per cell of the scores.
        aligned: where the cells lie, a name of `grid`.
        pixel_loss: what it minimises.
    """

    backbone: Backbone
    stride: int
    aligned: str = CORNERS

    def __init__(self) -> None:
        super().__init__()
        self.pixel_loss = PixelLoss()

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 of RGB N×3×H×W in 0…255."""

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""

    def load(self, initial: InitialWeights) -> None:
        """Take the backbone's weights, and what else the network has of them."""
        self.backbone.load(initial)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Loss over the decided pixels of `labels` N×H×W; zero where none is decided."""
        return {
            "loss_labels": self.label_loss(self.logits(self.whole_cells(batch["image"])), batch["labels"])
        }

    def whole_cells(self, images: Tensor) -> Tensor:
        """Images padded at the right and below as prediction pads them, so that a crop's cells lie where an image's do.

        Only for `corners`: pools of `centres` begin a cell at every stride, and its scores lie where they are.
        """
        return whole(images, self.stride, self.aligned) if self.aligned == CORNERS else images

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of scores of cells against labels of pixels."""
        pixels = enlarge(logits, labels.shape[1:], self.stride, self.aligned)
        return self.pixel_loss(pixels, labels.long())


class DenseClassifier(PixelClassifier):
    """A segmenter whose `fc6` and `fc7` are the dense layers of VGG16 or AlexNet, as convolutions, under a `score`.

    Attributes:
        dense_rate: learning-rate multiplier of fc6 and fc7: `new_dense_rate` where they start from noise, else 1.
    """

    fc6: nn.Module
    fc7: nn.Module
    score: nn.Module
    dense_rate: float

    def load(self, initial: InitialWeights) -> None:
        """Take the convolutions and, where the weights have them, fc6 and fc7 by decimation; all branches alike."""
        self.backbone.load(initial)
        for part, dense in ((self.fc6, initial.fc6), (self.fc7, initial.fc7)):
            if dense is not None:
                for layer in part.modules():
                    if isinstance(layer, nn.Conv2d):
                        decimate(layer, *dense)
                self.dense_rate = 1.0

    def parameter_groups(self) -> list[ParameterGroup]:
        """1/2 for weights and biases, `dense_rate` for fc6 and fc7, 10/20 for the score layers."""
        return (
            caffe_groups(self.backbone)
            + caffe_groups(nn.ModuleList([self.fc6, self.fc7]), self.dense_rate)
            + caffe_groups(self.score, SCORE_RATE)
        )


def initialize(layer: nn.Conv2d, std: float | None) -> nn.Conv2d:
    """Weights from a normal distribution, for features of unit scale by He et al. where `std` is `None`; no bias."""
    if std is None:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    else:
        nn.init.normal_(layer.weight, std=std)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


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
