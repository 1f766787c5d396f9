"""SeeNet: Self-Erasing Network for Integral Object Attention (Hou, Jiang, Wei, Cheng, NeurIPS 2018).

Three classifiers stand on one VGG16 (stride 16). S_A sees the features. S_B sees them through conditionally
reversed linear units (C-ReLU): erased where S_A is sure, negated where S_A sees background. S_C sees only that
background and is told that no class is there. S_B and S_C share their weights, as the names in the released
prototxt imply.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import Vgg
from weakseg.training.parameters import ParameterGroup, caffe_groups

THRESHOLDS = {
    # erase above, reverse below; fractions of the largest attention
    "paper": (0.7, 0.05),  # section 4.1
    "release": (0.8, 0.0),  # param_str of the released deploy prototxt: nothing is reversed
}
DROPOUT = 0.5  # after the second convolution of S_A alone, as released
EPSILON = 1e-8


class SeeNet(nn.Module):
    """The three branches on a backbone.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        thresholds: a name of `THRESHOLDS`.
        new_layers_rate: learning-rate multiplier of the branches.
    """

    def __init__(
        self, architecture: str, classes: int, thresholds: str = "paper", new_layers_rate: float = 1.0
    ) -> None:
        super().__init__()
        self.backbone = Vgg(architecture)
        self.erase_above, self.reverse_below = THRESHOLDS[thresholds]
        self.new_layers_rate = new_layers_rate
        width = self.backbone.layout.attention_head
        self.branch_a = _branch(self.backbone.channels, width, classes, DROPOUT)
        self.branch_b = _branch(self.backbone.channels, width, classes, 0.0)
        if self.backbone.layout.batch_norm:
            _scale_to_unit_features(self.branch_a, self.branch_b)

    def scores(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class scores of S_A, S_B and S_C before pooling, each N×C×h×w float32."""
        features, attention, score_a, score_b = self._scores_a_b(images, labels)
        background = (attention < (self.erase_above + self.reverse_below) / 2).to(features.dtype)
        return score_a, score_b, self.branch_b(features * background).float()

    def _scores_a_b(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, S_A's attention N×1×h×w, and the class scores of S_A and S_B."""
        features = self.backbone(images)
        score_a = self.branch_a(features).float()
        attention = union_attention(score_a.detach(), labels)
        erased = conditional_relu(features, ternary_mask(attention, self.erase_above, self.reverse_below))
        return features, attention, score_a, self.branch_b(erased).float()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of S_A and S_B against the labels and of S_C against no class.

        Summed over classes and averaged over images, as Caffe's SigmoidCrossEntropyLoss is.
        """
        labels = batch["labels"]
        score_a, score_b, score_c = self.scores(batch["image"], labels)
        return {
            "loss_a": _image_loss(score_a, labels),
            "loss_b": _image_loss(score_b, labels),
            "loss_c": _image_loss(score_c, torch.zeros_like(labels)),
        }

    def attention(self, images: Tensor, labels: Tensor) -> Tensor:
        """Maximum of S_A's and S_B's maps, each divided by its own maximum; N×C×h×w, zero for absent classes."""
        _, _, score_a, score_b = self._scores_a_b(images, labels)
        return torch.maximum(scale_to_one(score_a), scale_to_one(score_b)) * labels[:, :, None, None]

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, the branches times `new_layers_rate`."""
        branches = nn.ModuleList([self.branch_a, self.branch_b])
        return caffe_groups(self.backbone) + caffe_groups(branches, self.new_layers_rate)


def union_attention(scores: Tensor, labels: Tensor) -> Tensor:
    """Largest min-max normalised map over the classes that are present.

    Args:
        scores: N×C×h×w.
        labels: N×C, 1 where present.

    Returns:
        N×1×h×w in [0, 1]; zero where an image has no class.
    """
    positive = scores.clamp(min=0)
    low = positive.amin(dim=(2, 3), keepdim=True)
    high = positive.amax(dim=(2, 3), keepdim=True)
    normalized = (positive - low) / (high - low + EPSILON)
    return (normalized * labels[:, :, None, None]).amax(dim=1, keepdim=True)


def ternary_mask(attention: Tensor, erase_above: float, reverse_below: float) -> Tensor:
    """T_A of section 3.2: 0 where attention > `erase_above`, −1 where < `reverse_below`, else 1."""
    mask = torch.ones_like(attention)
    mask[attention < reverse_below] = -1.0
    mask[attention > erase_above] = 0.0
    return mask


def conditional_relu(features: Tensor, mask: Tensor) -> Tensor:
    """C-ReLU(x) = max(x, 0) · T; the mask N×1×h×w is a constant for the gradient and covers every channel."""
    return functional.relu(features) * mask.to(features.dtype)


def scale_to_one(scores: Tensor) -> Tensor:
    """Negative scores to zero, then each map divided by its own maximum."""
    positive = scores.clamp(min=0)
    return positive / (positive.amax(dim=(2, 3), keepdim=True) + EPSILON)


def _branch(channels: int, width: int, classes: int, dropout: float) -> nn.Sequential:
    branch = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Conv2d(width, classes, 1),
    )
    for module in branch:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.01)  # the released weight filler
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return branch


def _scale_to_unit_features(*branches: nn.Sequential) -> None:
    """The released filler suits VGG16's features, which reach hundreds; on normalised ones it would learn nothing."""
    for branch in branches:
        for module in branch[:-1]:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def _image_loss(scores: Tensor, labels: Tensor) -> Tensor:
    pooled = scores.mean(dim=(2, 3))
    loss = functional.binary_cross_entropy_with_logits(pooled, labels, reduction="none")
    return loss.sum(dim=1).mean()
