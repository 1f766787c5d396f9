"""ACoL: Adversarial Complementary Learning (Zhang, Wei, Feng, Yang, Huang, CVPR 2018).

Two classifiers on one backbone. The second sees the features without the region that the first attends to and
must find other evidence; their maps are fused by maximum.
"""

import torch
from torch import Tensor, nn

from weakseg.attention.parts import head, image_loss, min_max, pooled, scale_to_one, suit_unit_features, union
from weakseg.backbones import backbone
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE = 8  # the released VGG pools after conv4 and conv5 with stride 1


class Acol(nn.Module):
    """Backbone, 3×3 average pool as released, classifiers A and B.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        stride: output stride of the backbone; the published one if `None`.
        new_layers_rate: learning-rate multiplier of the classifiers.
        erase_from: attention of A from which the features are erased for B (released: 0.6).
    """

    def __init__(
        self,
        architecture: str,
        classes: int,
        *,
        stride: int | None = None,
        new_layers_rate: float = 1.0,
        erase_from: float = 0.6,
    ) -> None:
        super().__init__()
        self.backbone = backbone(architecture, stride or STRIDE)
        self.new_layers_rate, self.erase_from = new_layers_rate, erase_from
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        channels, width = self.backbone.channels, self.backbone.head_width
        self.branch_a = head(channels, width, classes)
        self.branch_b = head(channels, width, classes)
        if self.backbone.unit_features:
            suit_unit_features(self.branch_a, self.branch_b)

    def scores(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Score maps of A and B, each N×C×h×w float32."""
        features = self.pool(self.backbone(images))
        score_a = self.branch_a(features).float()
        attention = union(min_max(score_a.detach()), labels)
        return score_a, self.branch_b(erase(features, attention, self.erase_from)).float()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of both against the labels (the paper's is softmax: one class per image)."""
        score_a, score_b = self.scores(batch["image"], batch["labels"])
        return {
            "loss_a": image_loss(score_a, batch["labels"]),
            "loss_b": image_loss(score_b, batch["labels"]),
        }

    def class_scores(self, images: Tensor) -> Tensor:
        """Classifier A's class scores N×C: B needs the labels."""
        return pooled(self.branch_a(self.pool(self.backbone(images))).float())

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Maximum of both classifiers' maps, N×C×h×w, zero for absent classes; A's class scores."""
        score_a, score_b = self.scores(images, labels)
        maps = torch.maximum(scale_to_one(score_a), scale_to_one(score_b))
        return maps * labels[:, :, None, None], pooled(score_a)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, the classifiers times `new_layers_rate`."""
        branches = nn.ModuleList([self.branch_a, self.branch_b])
        return caffe_groups(self.backbone) + caffe_groups(branches, self.new_layers_rate)


def erase(features: Tensor, attention: Tensor, erase_from: float) -> Tensor:
    """Features N×D×h×w, zero on every channel where the attention N×1×h×w is at least `erase_from`."""
    return features * (attention < erase_from).to(features.dtype)
