"""How well scores rank: the average precision of a classifier."""

from collections.abc import Sequence

import numpy as np


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Σ (R_n − R_n−1) P_n over the distinct scores in descending order, where P is precision and R recall.

    Args:
        scores: N.
        truth: N, whether the class is present.

    Returns:
        In [0, 1]; `None` if the class is present in all or none.
    """
    truth = np.asarray(truth, bool)
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # of equal scores the last
    precision, recall = found[last] / (last + 1), found[last] / found[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float | None:
    """Mean over the classes that are present in some and absent in others.

    Args:
        scores: N×C.
        truth: N×C, which classes are present.

    Returns:
        In [0, 1]; `None` without such a class.
    """
    found: Sequence[float | None] = [average_precision(*each) for each in zip(scores.T, truth.T, strict=True)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None
