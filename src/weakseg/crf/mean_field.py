"""Mean-field inference of the dense CRF, over numpy arrays or torch tensors alike."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Filter = Callable[[Any], Any]
"""C×N → C×N, linear over the N points."""


def mean_field(xp: ModuleType, energy: Any, kernels: Sequence[tuple[float, Filter]], iterations: int) -> Any:
    """Approximate marginals under Potts compatibility (Krähenbühl and Koltun, NIPS 2011, algorithm 1).

    Probabilities sum to one and the filters are linear, so the message of the first label follows from the others and
    a constant, without filtering. Memory: the energy and at most three more M×N.

    Args:
        xp: `numpy` or `torch`.
        energy: M×N float32, the unary energies −log p, M at least 2.
        kernels: (weight, normalised filter).
        iterations: number of updates.

    Returns:
        M×N probabilities.
    """
    constant = _message(kernels, xp.ones_like(energy[:1]))[0]
    probabilities = _softmax(xp, -energy)
    for _ in range(iterations):
        others = _message(kernels, probabilities[1:])
        probabilities[0] = constant - others.sum(0)  # written in place
        probabilities[1:] = others
        del others
        probabilities -= energy
        probabilities = _softmax(xp, probabilities)
    return probabilities


def _message(kernels: Sequence[tuple[float, Filter]], values: Any) -> Any:
    total: Any = None
    for weight, kernel in kernels:
        message = kernel(values)
        message *= weight
        if total is None:
            total = message
        else:
            total += message
    return total


def _softmax(xp: ModuleType, scores: Any) -> Any:
    """Over the first axis, in place."""
    scores -= xp.amax(scores, 0)
    xp.exp(scores, out=scores)
    scores /= scores.sum(0)
    return scores
