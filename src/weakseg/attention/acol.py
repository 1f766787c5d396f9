"""ACoL: Adversarial Complementary Learning (Zhang, Wei, Feng, Yang, Huang, CVPR 2018).

Two classifiers on one backbone. The second sees the features without the region that the first attends to and
must find other evidence; their maps are fused by maximum. Layers, rates and normalisation are those of the released
VGG16 (`vgg_v1.py`, `my_optim.py`); vgg_small has the same pools and heads of its own narrow width.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from weakseg.attention.parts import Classifier, image_loss, min_max, pooled, union
from weakseg.backbones.base import Pools
from weakseg.backbones.build import backbone

STRIDE = 8  # maximum pools of 3×3 with stride 2, 2, 2, 1 and 1


class Acol(Classifier):
    """Backbone, 3×3 average pool as released, classifiers A (the head) and B.

    Args:
        architecture: name of the backbone.
        classes: number of classes.
        stride: output stride of the backbone, without one the published.
        new_layers_rate: as of `Classifier`.
        erase_from: attention of A from which the features are erased for B (released: 0.6).
    """

    published_rate: ClassVar[float] = 10.0
    bias_decay: ClassVar[float] = 1.0
    branch_b: nn.Sequential

    def __init__(
        self,
        architecture: str,
        classes: int,
        *,
        stride: int | None = None,
        new_layers_rate: float | None = None,
        erase_from: float = 0.6,
    ) -> None:
        body = backbone(architecture, stride or STRIDE, Pools(kernel=3, last=True))
        super().__init__(
            body, classes, new_layers_rate, dropout=(0.0, 0.0), width=body.dense_width, xavier=True
        )
        self.erase_from = erase_from
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)

    def features(self, images: Tensor) -> Tensor:
        """What both classifiers see, N×D×h×w."""
        features: Tensor = self.pool(self.backbone(images))
        return features

    def branches(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Score maps of A and B, each N×C×h×w float32."""
        features = self.features(images)
        score_a = self.head(features).float()
        attention = union(min_max(score_a.detach()), labels)
        return score_a, self.branch_b(erase(features, attention, self.erase_from)).float()

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
