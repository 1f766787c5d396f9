"""What a segmenter's scores cost against labels that are undecided in places and may be wrong in others."""

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from weakseg.storage.labels import UNDECIDED

TRUST = 0.8  # β of hard bootstrapping (Reed et al., ICLR 2015 workshop, section 3.2)
SYMMETRIC_FORWARD, SYMMETRIC_REVERSE = 0.1, 1.0  # α, β (Wang et al., ICCV 2019, section 4.1: CIFAR-10)
LOG_ZERO = -4.0  # A, what stands for log 0 there


@dataclass(frozen=True)
class PixelLoss:
    """Mean loss over the decided pixels of a batch; zero where none is decided.

    Attributes:
        kind: `cross_entropy`; `bootstrapped` believes the label 0.8 and the network's own answer 0.2 (Reed et al.,
            2015, hard bootstrapping); `symmetric` adds the cross entropy with label and prediction exchanged, which is
            bounded (Wang et al., 2019).
        balance: `none`; `foreground` gives background and foreground the same weight, however few pixels the latter
            has (Huang et al., CVPR 2018, equation 2).
    """

    kind: str = "cross_entropy"
    balance: str = "none"

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits N×M×H×W float32 and labels N×H×W int64 → a scalar."""
        decided = labels != UNDECIDED
        if self == PixelLoss():
            total = functional.cross_entropy(logits, labels, ignore_index=UNDECIDED, reduction="sum")
            return total / decided.sum().clamp(min=1)
        losses = self._of_pixels(logits, labels)
        if self.balance == "none":
            return losses.sum() / decided.sum().clamp(min=1)
        parts = [decided & (labels == 0), decided & (labels > 0)]
        means = [(losses * part).sum() / part.sum().clamp(min=1) for part in parts]
        return torch.stack(means).sum() / torch.stack([part.any() for part in parts]).sum().clamp(min=1)

    def _of_pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """N×H×W, zero where undecided."""
        plain = functional.cross_entropy(logits, labels, ignore_index=UNDECIDED, reduction="none")
        decided = labels != UNDECIDED
        if self.kind == "bootstrapped":
            own = functional.cross_entropy(logits, logits.detach().argmax(dim=1), reduction="none")
            return TRUST * plain + (1.0 - TRUST) * own * decided
        if self.kind == "symmetric":
            # −Σ q log t = −A · (1 − q of the label), because log 1 = 0
            reverse = -LOG_ZERO * (1.0 - (-plain).exp()) * decided
            return SYMMETRIC_FORWARD * plain + SYMMETRIC_REVERSE * reverse
        return plain
