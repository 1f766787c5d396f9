"""Weighted harmonic mean of saliency and attention, with the ignore rules of SeeNet's authors."""

from collections.abc import Sequence

from weakseg.settings.methods import Method
from weakseg.settings.section import Fraction, Positive


class SeeNetRule(Method):
    """Weighted harmonic mean of saliency and attention (SeeNet, with its authors' ignore rules)."""

    name = "seenet"
    made_by = "seenet"

    weight: Positive = 1.5
    """Weight w of attention in (w + 1) / (w / attention + 1 / saliency)."""
    conflict: Fraction = 0.7
    """Two classes both above this: undecided."""
    saliency_low: Fraction = 32 / 255
    """Class pixels with saliency below this: undecided."""


import numpy as np

from weakseg.proxy.rules.parts import harmonic_mean, label_of
from weakseg.storage.labels import UNDECIDED


def seenet(
    saliency: np.ndarray, attention: np.ndarray, present: Sequence[int], rule: SeeNetRule
) -> np.ndarray:
    """The label map H×W `uint8`, 255 where undecided.

    Q_0 = 1 − D and Q_c = (w + 1) / (w / A_c + 1 / D), label = argmax. Undecided: pixels where two classes both
    attract more than `conflict`, and class pixels whose saliency is below `saliency_low` (houqb/SeeNet issue 5).
    """
    scores = np.concatenate([1.0 - saliency[None], harmonic_mean(saliency, attention, rule.weight)])
    labels = label_of(scores, present)
    labels[(attention > rule.conflict).sum(axis=0) >= 2] = UNDECIDED
    labels[(labels != 0) & (saliency < rule.saliency_low)] = UNDECIDED
    return labels
