"""What several rules compute."""

from collections.abc import Sequence

import numpy as np

EPSILON = 1e-8


def harmonic_mean(saliency: np.ndarray, attention: np.ndarray, weight: float = 1.0) -> np.ndarray:
    """(w + 1) / (w / A + 1 / D) of attention A K×H×W and saliency D H×W."""
    mean: np.ndarray = (weight + 1.0) / (weight / (attention + EPSILON) + 1.0 / (saliency[None] + EPSILON))
    return mean


def label_of(scores: np.ndarray, present: Sequence[int]) -> np.ndarray:
    """Class index of the largest score, H×W `uint8`; ties go to background first."""
    labels: np.ndarray = np.asarray([0, *present], np.uint8)[scores.argmax(axis=0)]
    return labels
