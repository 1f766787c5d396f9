"""SPG: Self-produced Guidance (Zhang, Wei, Kang, Yang, Huang, ECCV 2018).

SPG-A classifies; its attention is thresholded into sure foreground, sure background and undecided pixels. That mask
teaches B2 (on high features), B2's output teaches B1 (on low features), and the mean of both teaches SPG-C (on A's
last features), so that what the network knows of foreground returns into it. docs/attention.md lists what the official
code does otherwise.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.attention.parts import (
    EPSILON,
    head,
    image_loss,
    min_max,
    pooled,
    scale_to_one,
    suit_unit_features,
    union,
)
from weakseg.backbones import backbone
from weakseg.errors import InputError
from weakseg.training.parameters import ParameterGroup, caffe_groups

STRIDE = 8
THRESHOLDS = {
    # (foreground above, background below) for: attention → B2, B2 → B1, mean of B1 and B2 → C
    "official": ((0.7, 0.05), (0.5, 0.05), (0.7, 0.1)),  # defaults of the official code, Inception-v3
    "vgg": ((0.7, 0.01), (0.5, 0.05), (0.7, 0.1)),  # defaults of wsolevaluation, VGG16
}
LEAST_FOREGROUND = 30 / 224**2  # 30 pixels of a 224×224 mask, as a share
FALLBACK = 0.7  # of the image's largest value, where fewer pixels than that are above the threshold
UNDECIDED = 255.0


class Spg(nn.Module):
    """SPG-A and, unless plain, SPG-B and SPG-C.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        stride: output stride of the backbone; the published one if `None`.
        new_layers_rate: learning-rate multiplier of everything above the backbone.
        guided: `False` is the paper's SPG-plain, the backbone and SPG-A alone.
        thresholds: a name of `THRESHOLDS`.
        single_label: softmax cross entropy, for images of one class each, as published.
    """

    def __init__(
        self,
        architecture: str,
        classes: int,
        *,
        stride: int | None = None,
        new_layers_rate: float = 1.0,
        guided: bool = True,
        thresholds: str = "official",
        single_label: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone(architecture, stride or STRIDE)
        self.new_layers_rate, self.single_label = new_layers_rate, single_label
        self.thresholds = THRESHOLDS[thresholds]
        width, side = self.backbone.head_width, self.backbone.side_width
        branch = head(self.backbone.channels, width, classes, dropout=self.backbone.head_dropout)
        if self.backbone.unit_features:
            suit_unit_features(branch)
        self.a_features, self.a_scores = branch[:-2], branch[-2:]
        self.guided = guided
        if guided:
            low, high = self.backbone.side_channels
            self.b1 = _side(low, side)
            self.b2 = _side(high, side)
            self.shared = _mask_head(side, side)
            self.c = _mask_head(width, side)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classification and, if guided, the three staged mask losses, all of weight 1.

        Raises:
            InputError: `single_label` and an image has not exactly one class.
        """
        images, labels = batch["image"], batch["labels"]
        low, high, features = self.backbone.side_features(images)
        features = self.a_features(features)
        scores = self.a_scores(features).float()
        if not self.backbone.unit_features:
            low, high, features = unit_scale(low), unit_scale(high), unit_scale(features)
        losses = {"loss_class": self._class_loss(scores, labels)}
        if self.guided:
            size = images.shape[2:]  # the official masks are 224×224 whatever the crop
            b1, b2 = (_enlarged(self.shared(side), size) for side in (self.b1(low), self.b2(high)))
            attention = union(min_max(_enlarged(scores.detach(), size)), labels)
            sure_b1, sure_b2 = b1.detach().sigmoid(), b2.detach().sigmoid()
            to_b2, to_b1, to_c = self.thresholds
            losses["loss_b2"] = mask_loss(b2, guidance(attention, *to_b2))
            losses["loss_b1"] = mask_loss(b1, guidance(sure_b2, *to_b1))
            fused = guidance((sure_b1 + sure_b2) / 2, *to_c)
            losses["loss_c"] = mask_loss(_enlarged(self.c(features), size), fused)
        return losses

    def _class_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        if not self.single_label:
            return image_loss(scores, labels)
        if bool((labels.sum(dim=1) != 1).any()):
            raise InputError(
                "an image with no or several classes was found, but attention.spg.single_label expects exactly one "
                "per image; set it to false."
            )
        return functional.cross_entropy(pooled(scores), labels.argmax(dim=1))

    def scores(self, images: Tensor) -> Tensor:
        """Score maps N×C×h×w float32 of SPG-A."""
        scores: Tensor = self.a_scores(self.a_features(self.backbone(images))).float()
        return scores

    def class_scores(self, images: Tensor) -> Tensor:
        """Class scores N×C."""
        return pooled(self.scores(images))

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """SPG-A's positive scores divided by each map's maximum, N×C×h×w, zero for absent classes; class scores."""
        scores = self.scores(images)
        return scale_to_one(scores) * labels[:, :, None, None], pooled(scores)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, all above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone) + caffe_groups(new, self.new_layers_rate)


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


def unit_scale(features: Tensor) -> Tensor:
    """Features N×D×h×w, each image's divided by their root mean square.

    VGG16's reach hundreds without batch normalisation; on them the mask branches die in their first steps and call
    everything background.
    """
    square = features.float().square().mean(dim=(1, 2, 3), keepdim=True)
    return features / (square.sqrt() + EPSILON).to(features.dtype)


def mask_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean sigmoid cross entropy over the decided pixels of a mask; zero where there is none."""
    decided = mask != UNDECIDED
    loss = functional.binary_cross_entropy_with_logits(logits, mask.clamp(max=1.0), reduction="none")
    return (loss * decided).sum() / decided.sum().clamp(min=1)


def _enlarged(maps: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(maps.float(), size, mode="bilinear", align_corners=False)


def _side(channels: int, width: int) -> nn.Sequential:
    return _xavier(nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)))


def _mask_head(channels: int, width: int) -> nn.Sequential:
    return _xavier(nn.Sequential(*_side(channels, width), nn.Conv2d(width, 1, 1)))


def _xavier(layers: nn.Sequential) -> nn.Sequential:
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return layers
