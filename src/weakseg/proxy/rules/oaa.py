"""The rule of OAA's authors (Jiang et al., ICCV 2019, gen_gt.py)."""

from collections.abc import Sequence

from weakseg.settings.methods import Method
from weakseg.settings.section import Fraction


class OaaRule(Method):
    """The OAA authors' rule (ICCV 2019)."""

    name = "oaa"
    made_by = "oaa"

    floor: Fraction = 0.3
    """Scores below this count as zero, background's too."""
    conflict: Fraction = 0.9
    """Two scores both above this: undecided."""
    background_saliency: Fraction = 32 / 255
    """Background pixels with saliency of at least this: undecided."""
    background_attention: Fraction = 0.8
    """Background pixels with attention above this: undecided."""
    least_foreground: Fraction = 0.01
    """Images with a smaller share of foreground are undecided as a whole."""


import numpy as np

from weakseg.proxy.rules.parts import label_of
from weakseg.storage.labels import UNDECIDED


def oaa(saliency: np.ndarray, attention: np.ndarray, present: Sequence[int], rule: OaaRule) -> np.ndarray:
    """The label map H×W `uint8`, 255 where undecided.

    Q_0 = 1 − D, Q_c = A_c; scores below `floor` become zero, background's too; two scores above `conflict` are
    undecided; so is background that is salient or attracts much attention, and an image with too little
    foreground as a whole.
    """
    scores = np.concatenate([1.0 - saliency[None], attention])
    scores = np.where(scores < rule.floor, 0.0, scores)
    labels = label_of(scores, present)
    labels[(scores > rule.conflict).sum(axis=0) >= 2] = UNDECIDED
    strong = attention.max(axis=0, initial=0.0) > rule.background_attention
    labels[(labels == 0) & ((saliency >= rule.background_saliency) | strong)] = UNDECIDED
    if np.mean((labels != 0) & (labels != UNDECIDED)) < rule.least_foreground:
        labels[:] = UNDECIDED
    return labels
