"""OAA, OAA-drop and OAA+: Online Attention Accumulation (Jiang et al., ICCV 2019; PAMI 2021).

A classifier's attention wanders over the object while it learns. OAA keeps, per training image and present class,
the maximum of what it attended to; OAA-drop also hides from it, every other time, what it attended to last, so that it
must look elsewhere; OAA+ trains a second network of the same shape on those accumulated maps.

Rates, loss and decay are those of the authors' PyTorch release.
"""

from weakseg.attention.networks.declaration import LOCAL_FEATURES, AttentionMethod
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS


class OaaSettings(AttentionMethod):
    """Online Attention Accumulation (Jiang et al., ICCV 2019), also as `oaa_plus` begins."""

    name = "oaa"
    made_by = "Oaa"
    stride = 8
    new_layers_rate = 10.0
    preset = "voc-oaa.yaml"
    kinds, needs = OF_SEVERAL_RESOLUTIONS, LOCAL_FEATURES

    drop: bool = False
    """OAA-drop: half of the images are shown without what was attended to last (above 0.6). Published on VOC: 67.5
    against 65.7 of OAA and 66.6 of OAA+."""


class OaaPlusSettings(AttentionMethod):
    """OAA+: a network of the same shape on the maps that OAA accumulated."""

    name = "oaa_plus"
    made_by = "OaaPlus"
    stride = 8
    new_layers_rate = 10.0
    preset = "voc-oaa-plus.yaml"
    kinds, needs = OF_SEVERAL_RESOLUTIONS, LOCAL_FEATURES
    learns_from = "oaa"
    read_outs = ("relu", "sigmoid")


import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.attention.networks.attention_memory import AttentionMemory
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.networks.parts import mean_loss, pooled
from weakseg.backbones.base import Pools

POSITIVE = 0.001  # targets above it are positive: attention.oaa's integral loss
DROP_RATE = 0.5  # share of the images that OAA-drop hides something of: train+.sh
DROP_ABOVE = 0.6  # attention above which it hides: train+.sh


class _Published(Classifier):
    """The network both share: pool 4 of stride 1, conv5 dilated, three convolutions before the scores."""

    pools = Pools(dilation=2)
    convolutions = 3
    bias_decay = 1.0


class Oaa(_Published):
    """A classifier and the memory of its attention."""

    settings: OaaSettings
    memory: AttentionMemory

    def extend(self) -> None:
        """Add the memory."""
        self.memory = AttentionMemory(keeps_last=self.settings.drop)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sigmoid cross entropy of the pooled scores; the memory takes in what was attended to.

        Besides `image` and `labels`, the batch holds `slots` N×C (-1 where absent) and `view` N×5, as `LabelledImages`
        gives them to a network with a memory.
        """
        images, labels, slots, views = (batch[name] for name in ("image", "labels", "slots", "view"))
        if self.settings.drop:
            hidden = self.memory.attended(slots, views, (images.shape[2], images.shape[3]), DROP_ABOVE)
            drawn = torch.rand(len(images), 1, 1, 1, device=images.device) < DROP_RATE
            images = torch.where(hidden & drawn, self.backbone.mean, images.float())  # zero once normalised
        scores = self.scores(images)
        noted = scores.detach()
        self.memory.take(noted, recognised(pooled(noted), labels), slots, views)
        return {"loss_class": mean_loss(scores, labels)}


class OaaPlus(_Published):
    """Integral attention: the same network, which learns accumulated maps pixel by pixel.

    `read_out` `relu`: positive scores by their maximum, as both releases have it; `sigmoid`: of the scores, which
    learned soft values in [0, 1], by its maximum. The sigmoid is nowhere zero, and its maps lie high.
    """

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Split cross entropy of every score against `target` N×C×h'×w' in [0, 1]."""
        scores = self.scores(batch["image"])
        target = functional.interpolate(
            batch["target"], scores.shape[2:], mode="bilinear", align_corners=False, antialias=True
        )
        return integral_loss(scores, target)

    def evidence(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """What the read-out makes of the scores, N×C×h×w, zero for absent classes; class scores N×C."""
        scores = self.scores(images)
        positive = scores.sigmoid() if self.read_out == "sigmoid" else scores.clamp(min=0)
        return positive * labels[:, :, None, None], pooled(scores)


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
