"""CAM: class activation maps (Zhou, Khosla, Lapedriza, Oliva, Torralba, CVPR 2016).

A classifier of convolutions and global average pooling; the score maps before the pooling are the attention. Its
head is that of SeeNet's S_A, so that the two differ by what SeeNet adds and by nothing else.
"""

from torch import Tensor

from weakseg.attention.parts import Classifier, image_loss

STRIDE = 16
DROPOUT = 0.5


class Cam(Classifier):
    """Backbone and one head.

    Args: as `Classifier`; without a stride 16.
    """

    def __init__(
        self, architecture: str, classes: int, *, stride: int | None = None, new_layers_rate: float = 1.0
    ) -> None:
        super().__init__(architecture, classes, stride or STRIDE, new_layers_rate, dropout=(DROPOUT,))

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores."""
        return {"loss_class": image_loss(self.scores(batch["image"]), batch["labels"])}
