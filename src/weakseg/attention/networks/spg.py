"""SPG: Self-produced Guidance (Zhang, Wei, Kang, Yang, Huang, ECCV 2018).

SPG-A classifies; its attention is thresholded into sure foreground, sure background and undecided pixels. B2 (on high
features) learns from that mask, B1 (on low features) from B2's output, and SPG-C (on A's last features) from the mean
of both, so that what the network knows of foreground returns into it. docs/attention.md lists what the official
code does otherwise.
"""

from typing import TYPE_CHECKING, Literal

from weakseg.attention.networks.declaration import AttentionMethod
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS

if TYPE_CHECKING:
    from weakseg.attention.settings import AttentionConfig


class SpgSettings(AttentionMethod):
    """Self-produced Guidance (Zhang et al., ECCV 2018)."""

    name = "spg"
    made_by = "Spg"
    stride = 8
    preset = "voc-spg.yaml"
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "features of two resolutions"

    guided: bool = True
    """`false`: SPG-plain, the classifier without its self-produced masks."""
    thresholds: Literal["official", "vgg"] = "official"
    """Attention below which B2 learns background: `official` 0.05 (Inception-v3), `vgg` 0.01 (VGG16); the others
    agree."""
    single_label: bool = False
    """Softmax over the classes, as published for images of exactly one class; images of none are refused, too. `false`:
    one sigmoid per class, and the masks come from the union of the present classes' maps."""

    @property
    def takes_one_class(self) -> bool:
        """A softmax over the classes has no place for an image of none."""
        return self.single_label

    def check(self, section: "AttentionConfig") -> None:
        """Refuse thresholds of masks that are not made."""
        if not self.guided and self.thresholds != "official":
            raise ValueError(
                f"spg.thresholds is {self.thresholds}, but spg.guided is false: no mask is made; leave it out"
            )


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.networks.classifier import Classifier, initialise_xavier
from weakseg.attention.networks.parts import image_loss, min_max, pooled, union
from weakseg.backbones.base import Pools, unit_scale
from weakseg.errors import InputError

THRESHOLDS = {
    # (foreground above, background below) for: attention → B2, B2 → B1, mean of B1 and B2 → C
    "official": ((0.7, 0.05), (0.5, 0.05), (0.7, 0.1)),  # defaults of the official code, Inception-v3
    "vgg": ((0.7, 0.01), (0.5, 0.05), (0.7, 0.1)),  # defaults of wsolevaluation, VGG16
}
LEAST_FOREGROUND = 30 / 224**2  # 30 pixels of a 224×224 mask, as a share
FALLBACK = 0.7  # of the image's largest value, where fewer pixels than that are above the threshold
UNDECIDED = 255.0


class Spg(Classifier):
    """SPG-A (the head) and, unless plain, SPG-B and SPG-C.

    On Inception-v3, A has dropout before each of its three layers and C takes what its last layer is given, the
    dropped features (`inference` of the official code); the released VGG16 has no dropout.
    """

    pools = Pools(fourth=False)
    xavier = True
    bias_decay = 1.0
    settings: SpgSettings

    def extend(self) -> None:
        """Add dropout to A, and B and C."""
        self.head = _dropped(self.head, self.backbone.head_dropout)
        if self.settings.guided:
            width, side = self.backbone.head_width, self.backbone.side_width
            low, high = self.backbone.side_channels
            self.b1 = _side(low, side)
            self.b2 = _side(high, side)
            self.shared = _mask_head(side, side)
            self.c = _mask_head(width, side)
            initialise_xavier(self.b1, self.b2, self.shared, self.c)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classification and, if guided, the three staged mask losses, all of weight 1.

        Raises:
            InputError: `single_label` and an image has not exactly one class.
        """
        images, labels = batch["image"], batch["labels"]
        low, high, features = self.backbone.side_features(images)
        features = self.head[:-1](features)  # C begins where A's scores do
        scores = self.head[-1](features).float()
        if not self.backbone.unit_features:
            low, high, features = unit_scale(low), unit_scale(high), unit_scale(features)
        losses = {"loss_class": self._class_loss(scores, labels)}
        if self.settings.guided:
            size = images.shape[2:]  # the official masks are 224×224 whatever the crop
            b1, b2 = (_enlarged(self.shared(side), size) for side in (self.b1(low), self.b2(high)))
            attention = union(min_max(_enlarged(scores.detach(), size)), labels)
            sure_b1, sure_b2 = b1.detach().sigmoid(), b2.detach().sigmoid()
            to_b2, to_b1, to_c = THRESHOLDS[self.settings.thresholds]
            losses["loss_b2"] = mask_loss(b2, guidance(attention, *to_b2))
            losses["loss_b1"] = mask_loss(b1, guidance(sure_b2, *to_b1))
            fused = guidance((sure_b1 + sure_b2) / 2, *to_c)
            losses["loss_c"] = mask_loss(_enlarged(self.c(features), size), fused)
        return losses

    def _class_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        if not self.settings.single_label:
            return image_loss(scores, labels)
        if bool((labels.sum(dim=1) != 1).any()):
            raise InputError(
                "an image with no or several classes was found, but attention.spg.single_label expects exactly one "
                "per image; set it to false."
            )
        return functional.cross_entropy(pooled(scores), labels.argmax(dim=1))


def guidance(values: Tensor, above: float, below: float) -> Tensor:
    """Self-produced mask: 1 where sure foreground, 0 where sure background, 255 between.

    Args:
        values: N×1×H×W in [0, 1].
        above: foreground above it; in an image with too few such pixels, above 0.7 of its largest value.
        below: background below it; wins where both hold.
    """
    few = (values > above).float().mean(dim=(1, 2, 3), keepdim=True) < LEAST_FOREGROUND
    lowered = FALLBACK * values.amax(dim=(1, 2, 3), keepdim=True)
    threshold = torch.where(few, lowered, torch.full_like(lowered, above))  # each image its own
    mask = torch.full_like(values, UNDECIDED)
    mask[values > threshold] = 1.0
    mask[values < below] = 0.0
    return mask


def mask_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean sigmoid cross entropy over the decided pixels of a mask; zero where there is none."""
    decided = mask != UNDECIDED
    loss = functional.binary_cross_entropy_with_logits(logits, mask.clamp(max=1.0), reduction="none")
    return (loss * decided).sum() / decided.sum().clamp(min=1)


def _enlarged(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps.float(), size, mode="bilinear", align_corners=False)


def _dropped(head: nn.Sequential, share: float) -> nn.Sequential:
    """The head with dropout before each convolution."""
    layers: list[nn.Module] = []
    for layer in head:
        if not isinstance(layer, nn.Dropout):
            layers += [nn.Dropout(share), layer] if isinstance(layer, nn.Conv2d) else [layer]
    return nn.Sequential(*layers)


def _side(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True))


def _mask_head(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(*_side(channels, width), nn.Conv2d(width, 1, 1))
