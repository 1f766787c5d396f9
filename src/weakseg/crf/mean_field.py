"""Mean-field inference of the dense CRF, over numpy arrays or torch tensors alike."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Filter = Callable[[Any], Any]
"""C×N → C×N, linear over the N points."""


def mean_field(xp: ModuleType, energy: Any, kernels: Sequence[tuple[float, Filter]], iterations: int) -> Any:
    """Approximate marginals under Potts compatibility (Krähenbühl and Koltun, NIPS 2011, algorithm 1).

    Probabilities sum to one and the filters are linear, so the message of the first label follows from those of the
    others and from a constant: it is never filtered.

    Args:
        xp: `numpy` or `torch`.
        energy: M×N float32, the unary energies −log p, M at least 2.
        kernels: (weight, normalised filter).
        iterations: how many updates.

    Returns:
        M×N probabilities.
    """
    constant = _message(kernels, xp.ones_like(energy[:1]))
    probabilities = _softmax(xp, -energy)
    for _ in range(iterations):
        others = _message(kernels, probabilities[1:])
        first = constant - others.sum(0)
        probabilities = _softmax(xp, xp.concatenate([first, others]) - energy)
    return probabilities


def _message(kernels: Sequence[tuple[float, Filter]], values: Any) -> Any:
    return sum(weight * kernel(values) for weight, kernel in kernels)


def _softmax(xp: ModuleType, scores: Any) -> Any:
    powers = xp.exp(scores - xp.amax(scores, 0))
    return powers / powers.sum(0)
