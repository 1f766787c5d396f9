"""CAM: class activation maps (Zhou, Khosla, Lapedriza, Oliva, Torralba, CVPR 2016).

A classifier of convolutions and global average pooling; the score maps before the pooling are the attention. Its
head is that of SeeNet's S_A, so that the two differ by what SeeNet adds and by nothing else.

Maps of several sizes and of the mirrored image are summed as raw positive scores and divided by the maximum of the sum,
once: `make_cam.py` of IRNet, and PSA before it.
"""

from typing import ClassVar

from torch import Tensor

from weakseg.attention.parts import Classifier, image_loss
from weakseg.backbones.base import Pools
from weakseg.backbones.build import backbone

STRIDE = 16
DROPOUT = 0.5


class Cam(Classifier):
    """Backbone and one head.

    Args:
        architecture: name of the backbone.
        classes: number of classes.
        stride: output stride of the backbone, without one 16.
        new_layers_rate: as of `Classifier`.
    """

    sums_scales: ClassVar[bool] = True

    def __init__(
        self,
        architecture: str,
        classes: int,
        *,
        stride: int | None = None,
        new_layers_rate: float | None = None,
    ) -> None:
        super().__init__(
            backbone(architecture, stride or STRIDE, Pools()), classes, new_layers_rate, dropout=(DROPOUT,)
        )

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores."""
        return {"loss_class": image_loss(self.scores(batch["image"]), batch["labels"])}
