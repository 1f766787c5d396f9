"""What the saliency networks share: what every one offers, and losses, which are means over the decided pixels."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.storage.labels import UNDECIDED
from weakseg.training.parameters import ParameterGroup


class SaliencyNetwork(nn.Module, ABC):
    """A network that says which pixels stand out."""

    sees_clips: ClassVar[bool] = False
    """Whether it looks at the frames of a clip together, in training and over a video."""

    @abstractmethod
    def backbones(self) -> list[Backbone]:
        """The backbones, which initial weights are for; the first one's colour fills up crops."""

    @abstractmethod
    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `mask` N×H×W (0, 1 or 255)."""

    @abstractmethod
    def parameter_groups(self) -> list[ParameterGroup]:
        """Every trained parameter once."""

    @abstractmethod
    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]."""

    def clip_saliency(self, clips: Tensor) -> Tensor:
        """N×T×3×H×W → N×T×1×H×W in [0, 1]; here of each frame by itself."""
        maps = self.saliency(clips.flatten(0, 1))
        return maps.reshape(*clips.shape[:2], *maps.shape[1:])


def binary_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy of logits of any shape against a mask of the same, 0, 1 or 255 (left out).

    Without a decided pixel, as in a clip without labels, it is zero and has a gradient of zero.
    """
    scored = mask != UNDECIDED
    each = functional.binary_cross_entropy_with_logits(
        logits.float(), (mask == 1).float(), weight=scored.float(), reduction="sum"
    )
    return each / scored.sum().clamp(min=1)


def softmax_loss(scores: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy of two-channel scores N×2×H×W (background, object) against a mask N×H×W, 0, 1 or 255."""
    each = functional.cross_entropy(scores.float(), mask.long(), ignore_index=UNDECIDED, reduction="sum")
    return each / (mask != UNDECIDED).sum().clamp(min=1)


def keep_statistics(network: nn.Module) -> None:
    """Put all batch normalisation into evaluation mode; its weights and biases still learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
