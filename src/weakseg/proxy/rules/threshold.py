"""Saliency decides foreground, the strongest attention its class (after WSSS-BED)."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from weakseg.settings.methods import Method
from weakseg.settings.section import Fraction


class ThresholdRule(Method):
    """Saliency decides foreground, attention the class (after WSSS-BED)."""

    name = "threshold"
    made_by = "threshold"

    saliency_low: Fraction = 0.2
    """Below: background."""
    saliency_high: Fraction = 0.4
    """Above: foreground; the band between the two is undecided."""
    attention_least: Fraction = 0.0
    """Salient pixels whose strongest attention is below this stay undecided."""
    rescue: Fraction = 0.7
    """Attention above this is foreground whatever saliency says."""
    background_attention: Fraction = 1.0
    """Background pixels with attention above this: undecided. 1 decides all."""

    @model_validator(mode="after")
    def _nothing_ignored(self) -> Self:
        if self.saliency_low > self.saliency_high:
            raise ValueError(
                f"saliency_low is {self.saliency_low:g} and saliency_high {self.saliency_high:g}, which then decides "
                "nothing; saliency_low at most saliency_high was expected: change one of them"
            )
        if self.rescue <= self.background_attention < 1:
            raise ValueError(
                f"background_attention is {self.background_attention:g}, but pixels above rescue, {self.rescue:g}, are "
                "objects already; less than rescue was expected, or 1 to switch it off"
            )
        return self


import numpy as np

from weakseg.storage.labels import UNDECIDED


def threshold(
    saliency: np.ndarray, attention: np.ndarray, present: Sequence[int], rule: ThresholdRule
) -> np.ndarray:
    """The label map H×W `uint8`, 255 where undecided.

    After WSSS-BED (saliency binarised, class by argmax), with a band of undecided saliency and a rescue of what
    saliency missed: background below `saliency_low`, undecided up to `saliency_high` and wherever salient pixels
    attract less attention than `attention_least`; attention above `rescue` is foreground in any case. As the OAA
    authors have it, background that attracts more than `background_attention` is undecided: it may be an object
    that saliency missed.
    """
    low = rule.saliency_low
    strongest = attention.max(axis=0, initial=0.0)
    classes = _class_of(attention, present)
    labels = np.where(saliency < low, 0, classes)
    undecided = (saliency >= low) & ((saliency < rule.saliency_high) | (strongest < rule.attention_least))
    undecided |= (saliency < low) & (strongest > rule.background_attention)
    labels = np.where(undecided, UNDECIDED, labels)
    labels = np.where(strongest > rule.rescue, classes, labels)
    return labels.astype(np.uint8)


def _class_of(attention: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """The present class with the strongest attention at each pixel, H×W; background where no class is present."""
    if not present:
        return np.zeros(attention.shape[1:], np.uint8)
    strongest: np.ndarray = np.asarray(present, np.uint8)[attention.argmax(axis=0)]
    return strongest
