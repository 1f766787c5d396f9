"""SeeNet: Self-Erasing Network for Integral Object Attention (Hou, Jiang, Wei, Cheng, NeurIPS 2018).

Three classifiers stand on one VGG16 (stride 16). S_A sees the features. S_B sees them through conditionally
reversed linear units (C-ReLU): erased where S_A is sure, negated where S_A sees background. S_C sees only that
background and is told that no class is there. S_B and S_C share their weights, as the names in the released
prototxt imply.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.parts import Classifier, image_loss, min_max, pooled, scale_to_one, union
from weakseg.backbones.base import Pools
from weakseg.backbones.build import backbone

THRESHOLDS = {
    # erase above, reverse below; fractions of the largest attention
    "paper": (0.7, 0.05),  # section 4.1
    "release": (0.8, 0.0),  # param_str of the released deploy prototxt: nothing is reversed
}
DROPOUT = 0.5  # after the second convolution of S_A alone, as released
STRIDE = 16  # the released network has no pool after conv5 and no dilation


class SeeNet(Classifier):
    """S_A (the head), S_B and S_C on a backbone.

    Args:
        architecture: name of the backbone.
        classes: number of classes.
        stride: output stride of the backbone, without one the published.
        new_layers_rate: as of `Classifier`.
        thresholds: a name of `THRESHOLDS`.
    """

    branch_b: nn.Sequential

    def __init__(
        self,
        architecture: str,
        classes: int,
        *,
        stride: int | None = None,
        new_layers_rate: float | None = None,
        thresholds: str = "paper",
    ) -> None:
        super().__init__(
            backbone(architecture, stride or STRIDE, Pools()),
            classes,
            new_layers_rate,
            dropout=(DROPOUT, 0.0),
        )
        self.erase_above, self.reverse_below = THRESHOLDS[thresholds]

    def branches(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class scores of S_A, S_B and S_C before pooling, each N×C×h×w float32."""
        features, attention, score_a, score_b = self._scores_a_b(images, labels)
        background = (attention < (self.erase_above + self.reverse_below) / 2).to(features.dtype)
        return score_a, score_b, self.branch_b(features * background).float()

    def _scores_a_b(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, S_A's attention N×1×h×w, and the class scores of S_A and S_B."""
        features = self.backbone(images)
        score_a = self.head(features).float()
        attention = union_attention(score_a.detach(), labels)
        erased = conditional_relu(features, ternary_mask(attention, self.erase_above, self.reverse_below))
        return features, attention, score_a, self.branch_b(erased).float()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of S_A and S_B against the labels and of S_C against no class.

        Summed over classes and averaged over images, as Caffe's SigmoidCrossEntropyLoss is.
        """
        labels = batch["labels"]
        score_a, score_b, score_c = self.branches(batch["image"], labels)
        return {
            "loss_a": image_loss(score_a, labels),
            "loss_b": image_loss(score_b, labels),
            "loss_c": image_loss(score_c, torch.zeros_like(labels)),
        }

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Maximum of S_A's and S_B's maps, each by its own maximum, N×C×h×w, zero for absent classes; S_A's scores."""
        _, _, score_a, score_b = self._scores_a_b(images, labels)
        maps = torch.maximum(scale_to_one(score_a), scale_to_one(score_b))
        return maps * labels[:, :, None, None], pooled(score_a)


def union_attention(scores: Tensor, labels: Tensor) -> Tensor:
    """Largest min-max normalised positive score over the present classes: N×C×h×w → N×1×h×w in [0, 1]."""
    return union(min_max(scores.clamp(min=0)), labels)


def ternary_mask(attention: Tensor, erase_above: float, reverse_below: float) -> Tensor:
    """T_A of section 3.2: 0 where attention > `erase_above`, −1 where < `reverse_below`, else 1."""
    mask = torch.ones_like(attention)
    mask[attention < reverse_below] = -1.0
    mask[attention > erase_above] = 0.0
    return mask


def conditional_relu(features: Tensor, mask: Tensor) -> Tensor:
    """C-ReLU(x) = max(x, 0) · T; the mask N×1×h×w is a constant for the gradient and covers every channel."""
    return functional.relu(features) * mask.to(features.dtype)
