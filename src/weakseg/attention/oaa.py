"""OAA and OAA+: Online Attention Accumulation (Jiang et al., ICCV 2019; PAMI 2021).

A classifier's attention wanders over the object while it learns. OAA keeps, per training image and present class,
the maximum of what it attended to; OAA+ trains a second network of the same shape on those accumulated maps.
"""

import torch.nn.functional as functional
from torch import Tensor

from weakseg.attention.memory import AttentionMemory
from weakseg.attention.parts import Classifier, image_loss, pooled, scale_to_one

STRIDE = 8  # pool 4 has stride 1
DILATION = 2  # of conv5
CONVOLUTIONS = 3  # extra 3×3 convolutions before the scores
POSITIVE = 0.001  # targets above it are positive: attention.oaa's integral loss


class _Published(Classifier):
    """The network both share: three convolutions before the scores.

    Args: as `Classifier`; without a stride the published one.
    """

    def __init__(
        self, architecture: str, classes: int, *, stride: int | None = None, new_layers_rate: float = 1.0
    ) -> None:
        super().__init__(
            architecture,
            classes,
            stride or STRIDE,
            new_layers_rate,
            convolutions=CONVOLUTIONS,
            dilation=DILATION,
        )


class Oaa(_Published):
    """A classifier and the memory of its attention.

    Args: as `Classifier`; without a stride the published one.
    """

    def __init__(
        self, architecture: str, classes: int, *, stride: int | None = None, new_layers_rate: float = 1.0
    ) -> None:
        super().__init__(architecture, classes, stride=stride, new_layers_rate=new_layers_rate)
        self.memory = AttentionMemory()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores; the memory takes in what was attended to.

        Besides `image` and `labels`, the batch holds `slots` N×C (-1 where absent) and `view` N×5, as `LabelledImages`
        gives them to a network with a memory.
        """
        scores, labels = self.scores(batch["image"]), batch["labels"]
        seen = scores.detach()
        self.memory.take(scale_to_one(seen), recognised(pooled(seen), labels), batch["slots"], batch["view"])
        return {"loss_class": image_loss(scores, labels)}


class OaaPlus(_Published):
    """Integral attention: the same network, taught by accumulated maps pixel by pixel.

    Args: as `Oaa`.
    """

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Split cross entropy of every score against `target` N×C×h'×w' in [0, 1]."""
        scores = self.scores(batch["image"])
        target = functional.interpolate(
            batch["target"], scores.shape[2:], mode="bilinear", align_corners=False, antialias=True
        )
        return integral_loss(scores, target)

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Sigmoid of the scores, which were taught soft values in [0, 1], divided by each map's maximum."""
        scores = self.scores(images)
        return scale_to_one(scores.sigmoid()) * labels[:, :, None, None], pooled(scores)


def recognised(class_scores: Tensor, labels: Tensor) -> Tensor:
    """The acceptance rule: a present class that is among the k highest scores, k the number of present classes.

    Args:
        class_scores: N×C.
        labels: N×C, 1 where present.

    Returns:
        N×C bool.
    """
    rank = class_scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (labels > 0) & (rank < labels.sum(dim=1, keepdim=True))


def integral_loss(scores: Tensor, target: Tensor) -> dict[str, Tensor]:
    """−t log σ(x), averaged over targets above 0.001, and −log(1 − σ(x)), averaged over the others."""
    positive = target > POSITIVE
    attended = -target * functional.logsigmoid(scores)
    other = -functional.logsigmoid(-scores)
    return {
        "loss_positive": (attended * positive).sum() / positive.sum().clamp(min=1),
        "loss_negative": (other * ~positive).sum() / (~positive).sum().clamp(min=1),
    }
