"""Proxy rules: pure functions from saliency and attention to labels.

Each takes saliency H×W in [0, 1], attention K×H×W in [0, 1] and the K present class indices in 1…254, and returns
scores (K+1)×H×W, background first, and the label map H×W `uint8` with 255 where undecided.
"""

from collections.abc import Callable, Sequence

import numpy as np

from weakseg.storage.labels import UNDECIDED

Labelled = tuple[np.ndarray, np.ndarray]
EPSILON = 1e-8


def threshold(
    saliency: np.ndarray,
    attention: np.ndarray,
    present: Sequence[int],
    *,
    saliency_low: float,
    saliency_high: float,
    attention_least: float,
    rescue: float,
    background_attention: float,
) -> Labelled:
    """Saliency decides foreground, the strongest attention its class.

    After WSSS-BED (saliency binarised, class by argmax), with a band of undecided saliency and a rescue of what
    saliency missed: background below `saliency_low`, undecided up to `saliency_high` and wherever salient pixels
    attract less attention than `attention_least`; attention above `rescue` is foreground in any case. As the OAA
    authors have it, background that attracts more than `background_attention` is undecided: it may be an object
    that saliency missed.
    """
    scores = np.concatenate([1.0 - saliency[None], saliency[None] * attention])
    strongest = attention.max(axis=0, initial=0.0)
    classes = _class_of(attention, present)
    labels = np.where(saliency < saliency_low, 0, classes)
    undecided = (saliency >= saliency_low) & ((saliency < saliency_high) | (strongest < attention_least))
    undecided |= (saliency < saliency_low) & (strongest > background_attention)
    labels = np.where(undecided, UNDECIDED, labels)
    labels = np.where(strongest > rescue, classes, labels)
    return scores, labels.astype(np.uint8)


def seenet(
    saliency: np.ndarray,
    attention: np.ndarray,
    present: Sequence[int],
    *,
    weight: float,
    conflict: float,
    saliency_low: float,
) -> Labelled:
    """Weighted harmonic mean against 1 − saliency, with the authors' two ignore rules.

    Q_0 = 1 − D and Q_c = (w + 1) / (w / A_c + 1 / D), label = argmax. Undecided: pixels where two classes both
    attract more than `conflict`, and class pixels whose saliency is below `saliency_low` (houqb/SeeNet issue 5).
    """
    harmonic = (weight + 1.0) / (weight / (attention + EPSILON) + 1.0 / (saliency[None] + EPSILON))
    scores = np.concatenate([1.0 - saliency[None], harmonic])
    labels = _label_of(scores, present)
    labels[(attention > conflict).sum(axis=0) >= 2] = UNDECIDED
    labels[(labels != 0) & (saliency < saliency_low)] = UNDECIDED
    return scores, labels


def dcsp(
    saliency: np.ndarray, attention: np.ndarray, present: Sequence[int], *, background: float
) -> Labelled:
    """DCSP (Chaudhry et al., BMVC 2017): harmonic mean per class, background where all are below `background`."""
    harmonic = 2.0 / (1.0 / (attention + EPSILON) + 1.0 / (saliency[None] + EPSILON))
    is_background = harmonic.max(axis=0, initial=0.0) < background
    scores = np.concatenate([is_background[None].astype(np.float32), np.where(is_background, 0.0, harmonic)])
    return scores, _label_of(scores, present)


def oaa(
    saliency: np.ndarray,
    attention: np.ndarray,
    present: Sequence[int],
    *,
    floor: float,
    conflict: float,
    background_saliency: float,
    background_attention: float,
    least_foreground: float,
) -> Labelled:
    """The OAA authors' rule (Jiang et al., ICCV 2019, gen_gt.py).

    Q_0 = 1 − D, Q_c = A_c; scores below `floor` become zero, background's too; two scores above `conflict` are
    undecided; so is background that is salient or attracts much attention, and an image with too little
    foreground as a whole.
    """
    scores = np.concatenate([1.0 - saliency[None], attention])
    scores = np.where(scores < floor, 0.0, scores)
    labels = _label_of(scores, present)
    labels[(scores > conflict).sum(axis=0) >= 2] = UNDECIDED
    strong = attention.max(axis=0, initial=0.0) > background_attention
    labels[(labels == 0) & ((saliency >= background_saliency) | strong)] = UNDECIDED
    if np.mean((labels != 0) & (labels != UNDECIDED)) < least_foreground:
        labels[:] = UNDECIDED
    return scores, labels


RULES: dict[str, Callable[..., Labelled]] = {
    "threshold": threshold,
    "seenet": seenet,
    "dcsp": dcsp,
    "oaa": oaa,
}
"""Rule name → function; the keyword arguments are the rule's section of the configuration."""


def _class_of(attention: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """The present class with the strongest attention at each pixel, H×W; background where no class is present."""
    if not present:
        return np.zeros(attention.shape[1:], np.uint8)
    strongest: np.ndarray = np.asarray(present, np.uint8)[attention.argmax(axis=0)]
    return strongest


def _label_of(scores: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """Class index of the largest score, H×W `uint8`; ties go to background first."""
    labels: np.ndarray = np.asarray([0, *present], np.uint8)[scores.argmax(axis=0)]
    return labels
