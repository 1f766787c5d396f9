"""CAM: class activation maps (Zhou, Khosla, Lapedriza, Oliva, Torralba, CVPR 2016).

A classifier of convolutions and global average pooling; the score maps before the pooling are the attention. Its
head is that of SeeNet's S_A, so that the two differ by what SeeNet adds and by nothing else.
"""

from torch import Tensor, nn

from weakseg.attention.parts import head, image_loss, pooled, scale_to_one, suit_unit_features
from weakseg.backbones import backbone
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE = 16
DROPOUT = 0.5


class Cam(nn.Module):
    """Backbone and one head.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        stride: output stride of the backbone; 16 if `None`.
        new_layers_rate: learning-rate multiplier of the head.
    """

    def __init__(
        self, architecture: str, classes: int, *, stride: int | None = None, new_layers_rate: float = 1.0
    ) -> None:
        super().__init__()
        self.backbone = backbone(architecture, stride or STRIDE)
        self.new_layers_rate = new_layers_rate
        self.head = head(self.backbone.channels, self.backbone.head_width, classes, dropout=DROPOUT)
        if self.backbone.unit_features:
            suit_unit_features(self.head)

    def scores(self, images: Tensor) -> Tensor:
        """Score maps N×C×h×w float32."""
        scores: Tensor = self.head(self.backbone(images)).float()
        return scores

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores."""
        return {"loss_class": image_loss(self.scores(batch["image"]), batch["labels"])}

    def class_scores(self, images: Tensor) -> Tensor:
        """Class scores N×C."""
        return pooled(self.scores(images))

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores divided by each map's maximum, N×C×h×w, zero for absent classes; class scores N×C."""
        scores = self.scores(images)
        return scale_to_one(scores) * labels[:, :, None, None], pooled(scores)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, the head times `new_layers_rate`."""
        return caffe_groups(self.backbone) + caffe_groups(self.head, self.new_layers_rate)
