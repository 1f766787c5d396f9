"""SeeNet: Self-Erasing Network for Integral Object Attention (Hou, Jiang, Wei, Cheng, NeurIPS 2018).

Three classifiers share one VGG16 (stride 16). S_A sees the features. S_B sees them through conditionally
reversed linear units (C-ReLU): erased where S_A is sure, negated where S_A sees background. S_C sees only that
background and learns that it shows no class. S_B and S_C share their weights, as the names in the released
prototxt imply.
"""

from typing import Literal

from weakseg.attention.networks.declaration import LOCAL_FEATURES, AttentionMethod
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS

THRESHOLDS = {
    # erase above, reverse below; fractions of the largest attention
    "paper": (0.7, 0.05),  # section 4.1
    "release": (0.8, 0.0),  # param_str of the released deploy prototxt: nothing is reversed
}


class SeeNetSettings(AttentionMethod):
    """Self-Erasing Network (Hou et al., NeurIPS 2018)."""

    name = "seenet"
    made_by = "SeeNet"
    preset = "voc.yaml"
    kinds, needs = OF_SEVERAL_RESOLUTIONS, LOCAL_FEATURES

    thresholds: Literal["paper", "release"] = "paper"
    """`paper`: erase above 0.7, reverse below 0.05; `release`: 0.8 and 0.0 (nothing is reversed)."""


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import image_loss, min_max, pooled, scale_to_one, union


class SeeNet(Classifier):
    """S_A (the head), S_B and S_C on a backbone."""

    dropout = (0.5, 0.0)  # after the second convolution of S_A alone, as released
    settings: SeeNetSettings
    branch_b: nn.Sequential

    def branches(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class scores of S_A, S_B and S_C before pooling, each N×C×h×w float32."""
        features, attention, score_a, erased = self._erased(images, labels)
        background = (attention < sum(THRESHOLDS[self.settings.thresholds]) / 2).to(features.dtype)
        # One pass, since S_B and S_C share their weights.
        score_b, score_c = self.branch_b(torch.cat([erased, features * background])).float().chunk(2)
        return score_a, score_b, score_c

    def _erased(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, S_A's attention N×1×h×w and class scores, and the features that S_B sees."""
        features = self.backbone(images)
        score_a = self.head(features).float()
        attention = union_attention(score_a.detach(), labels)
        erased = conditional_relu(features, ternary_mask(attention, *THRESHOLDS[self.settings.thresholds]))
        return features, attention, score_a, erased

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
        _, _, score_a, erased = self._erased(images, labels)
        maps = torch.maximum(scale_to_one(score_a), scale_to_one(self.branch_b(erased).float()))
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
