"""ACoL: Adversarial Complementary Learning (Zhang, Wei, Feng, Yang, Huang, CVPR 2018).

Two classifiers on one backbone. The second sees the features without the region that the first attends to and
must find other evidence; their maps are fused by maximum. Layers, rates and normalisation are those of the released
VGG16 (`vgg_v1.py`, `my_optim.py`); vgg_small has the same pools and heads of its own narrow width.
"""

from pydantic import Field

from weakseg.attention.networks.declaration import LOCAL_FEATURES, AttentionMethod
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS


class AcolSettings(AttentionMethod):
    """Adversarial Complementary Learning (Zhang et al., CVPR 2018)."""

    name = "acol"
    made_by = "Acol"
    stride = 8
    new_layers_rate = 10.0
    preset = "voc-acol.yaml"
    kinds, needs = OF_SEVERAL_RESOLUTIONS, LOCAL_FEATURES

    erase_from: float = Field(0.6, gt=0, le=1)
    """Attention of the first classifier from which features are erased for the second; released 0.6."""


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import image_loss, min_max, pooled, union
from weakseg.backbones.base import Pools


class Acol(Classifier):
    """Backbone, 3×3 average pool as released, classifiers A (the head) and B."""

    pools = Pools(kernel=3, last=True)  # strides 2, 2, 2, 1 and 1
    dropout = (0.0, 0.0)
    xavier = True
    bias_decay = 1.0
    settings: AcolSettings
    branch_b: nn.Sequential

    @property
    def head_width(self) -> int:
        """ACoL's heads are as wide as fully connected layers."""
        return self.backbone.dense_width

    def features(self, images: Tensor) -> Tensor:
        """What both classifiers see, N×D×h×w."""
        return functional.avg_pool2d(self.backbone(images), 3, stride=1, padding=1)

    def branches(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Score maps of A and B, each N×C×h×w float32."""
        features = self.features(images)
        score_a = self.head(features).float()
        attention = union(min_max(score_a.detach()), labels)
        return score_a, self.branch_b(erase(features, attention, self.settings.erase_from)).float()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of both against the labels (the paper's is softmax: one class per image)."""
        score_a, score_b = self.branches(batch["image"], batch["labels"])
        return {
            "loss_a": image_loss(score_a, batch["labels"]),
            "loss_b": image_loss(score_b, batch["labels"]),
        }

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Maximum of both classifiers' maps, N×C×h×w, zero for absent classes; A's class scores.

        Each map is stretched from its smallest to its largest score: negative scores are kept.
        """
        score_a, score_b = self.branches(images, labels)
        maps = torch.maximum(min_max(score_a), min_max(score_b))
        return maps * labels[:, :, None, None], pooled(score_a)


def erase(features: Tensor, attention: Tensor, erase_from: float) -> Tensor:
    """Features N×D×h×w, zero on every channel where the attention N×1×h×w is at least `erase_from`."""
    return features * (attention < erase_from).to(features.dtype)
