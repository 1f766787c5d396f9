"""The losses of saliency networks: means over the pixels that are decided."""

import torch.nn.functional as functional
from torch import Tensor

from weakseg.storage.labels import UNDECIDED


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
