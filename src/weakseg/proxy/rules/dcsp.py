"""DCSP (Chaudhry et al., BMVC 2017): harmonic mean of saliency and attention, and a threshold."""

from collections.abc import Sequence

from weakseg.settings.methods import Method
from weakseg.settings.section import Fraction


class DcspRule(Method):
    """Harmonic mean with a fixed background threshold (DCSP, BMVC 2017)."""

    name = "dcsp"
    made_by = "dcsp"

    background: Fraction = 0.4
    """Harmonic mean below this is background."""


import numpy as np

from weakseg.proxy.rules.parts import harmonic_mean, label_of


def dcsp(saliency: np.ndarray, attention: np.ndarray, present: Sequence[int], rule: DcspRule) -> np.ndarray:
    """The label map H×W `uint8`: the class of the largest mean, background where all are below `background`."""
    means = harmonic_mean(saliency, attention)
    is_background = means.max(axis=0, initial=0.0) < rule.background
    scores = np.concatenate([is_background[None].astype(np.float32), np.where(is_background, 0.0, means)])
    return label_of(scores, present)
