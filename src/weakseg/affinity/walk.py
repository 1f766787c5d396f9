"""Random walks over a grid of cells: scores flow between neighbours by their affinity.

The matrix T of n cells has n² entries, and its 256th power no zeros: of a photograph of 375×500 pixels at stride 4
half a gigabyte. It is never built. Each step adds up every cell's neighbours, so a walk needs the affinities (34
numbers a cell for radius 5) and the scores twice.
"""

import numpy as np

from weakseg.affinity.neighbours import neighbours
from weakseg.compiled import compiled

STEPS = 256
"""Both papers square T eight times."""


def walk(
    affinities: np.ndarray, scores: np.ndarray, radius: int, power: float, steps: int = STEPS
) -> np.ndarray:
    """Scores after a walk, x·Tⁿ; T is a^power with each column divided by its sum (Ahn and Kwak, 2018, equation 5).

    A step gives each cell the mean of its neighbours and itself, weighted by a^power, so scores stay between the
    smallest and the largest.

    Args:
        affinities: O×h×w in [0, 1], of each cell to the neighbours that `neighbours(radius)` lists; those to cells
            outside of the grid are not read. A cell's affinity to itself is 1.
        scores: C×h×w.
        radius: of the neighbours, cells.
        power: β, to which affinities are raised: 8 in PSA, 10 in IRNet.
        steps: n.

    Returns:
        C×h×w float64.

    Raises:
        ValueError: the shapes do not agree.
    """
    offsets = np.asarray(neighbours(radius), np.int64).reshape(-1, 2)
    if affinities.shape != (len(offsets), *scores.shape[1:]):
        raise ValueError(
            f"affinities {affinities.shape} do not fit scores {scores.shape} and {len(offsets)} neighbours"
        )
    weights = np.asarray(affinities, np.float64) ** power
    held = np.array(scores, np.float64)  # a copy: both buffers are written
    one = np.ones((1, *scores.shape[1:]))
    sums, moved = np.empty_like(one), np.empty_like(held)
    _step(weights, offsets, one, sums, one[0])
    for _ in range(steps):
        _step(weights, offsets, held, moved, sums[0])
        held, moved = moved, held
    return held


@compiled(nogil=True, inline="always")
def _add(found: np.ndarray, own: np.ndarray, other: np.ndarray) -> None:
    for x in range(len(found)):
        found[x] += own[x] * other[x]


@compiled(nogil=True)
def _step(
    weights: np.ndarray, offsets: np.ndarray, held: np.ndarray, moved: np.ndarray, sums: np.ndarray
) -> None:
    """Write into `moved` C×h×w each cell's and its neighbours' weighted scores, divided by `sums` h×w."""
    channels, height, width = held.shape
    for y in range(height):
        for channel in range(channels):
            found = moved[channel, y]
            found[:] = held[channel, y]
            for number in range(len(offsets)):
                dy, dx = offsets[number]
                first = max(0, -dx)
                last = max(first, min(width, width - dx))
                # Slices from the same index on: then the loop runs on vectors.
                if y + dy < height:
                    own, other = weights[number, y, first:last], held[channel, y + dy, first + dx : last + dx]
                    _add(found[first:last], own, other)
                if y - dy >= 0:
                    own, other = weights[number, y - dy, first:last], held[channel, y - dy, first:last]
                    _add(found[first + dx : last + dx], own, other)
            for x in range(width):
                found[x] /= sums[y, x]
