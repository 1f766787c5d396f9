"""Scores of attention maps at every background threshold, in one pass over the maps.

At threshold t a pixel gets the present class with the strongest attention, or background if that attention is below t.
The strongest class and its value do not depend on t, so a histogram over (truth, class, value) and one cumulative sum
give the confusion matrix at all thresholds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from weakseg.evaluation.confusion import divide, intersection_over_union, mean_defined
from weakseg.storage.labels import UNDECIDED

THRESHOLDS: np.ndarray = np.arange(101, dtype=np.float32) / np.float32(100)
"""0.00, 0.01, …, 1.00."""


@dataclass(frozen=True)
class Curve:
    """Scores over thresholds; NaN if undefined (no scored pixel, no predicted class).

    Attributes:
        thresholds: T background thresholds.
        miou: T; mean IoU over the classes that occur, background included.
        precision: T; mean over the foreground classes that are predicted somewhere.
        recall: T; mean over the foreground classes that occur in the truth.
        iou: T×(C+1); IoU per class.
        accuracy: T; pixel accuracy.
    """

    thresholds: np.ndarray
    miou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    iou: np.ndarray
    accuracy: np.ndarray

    @property
    def best(self) -> int:
        """Position of the highest mean IoU (the first of several); 0 if nothing was scored."""
        return 0 if np.isnan(self.miou).all() else int(np.nanargmax(self.miou))


class ThresholdSweep:
    """Histogram of truth, strongest class and its value; memory does not grow with the number of images."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._size = len(classes) + 1
        self._histogram = np.zeros((self._size, self._size, len(THRESHOLDS)), np.int64)

    def update(self, truth: np.ndarray, maps: Mapping[int, np.ndarray]) -> None:
        """Count the pixels of one image.

        Args:
            truth: H×W `uint8`, 0…C or 255 (not scored).
            maps: class index 1…C → h×w float in [0, 1], the present classes only.
        """
        winner, strength = strongest(maps, truth.shape)
        scored = truth != UNDECIDED
        passed = np.searchsorted(THRESHOLDS, strength[scored], side="right") - 1  # last threshold ≤ strength
        pair = truth[scored].astype(np.intp) * self._size + winner[scored]
        cells = np.bincount(pair * len(THRESHOLDS) + passed, minlength=self._histogram.size)
        self._histogram += cells.reshape(self._histogram.shape)

    @property
    def true_classes(self) -> int:
        """Number of foreground classes with a scored pixel in the truth."""
        return int(np.count_nonzero(self._histogram[1:].sum(axis=(1, 2))))

    def counts(self) -> np.ndarray:
        """Confusion matrix at every threshold, `int64` T×(C+1)×(C+1); row: truth, column: prediction."""
        kept = self._histogram[..., ::-1].cumsum(axis=-1)[..., ::-1]
        counts = np.ascontiguousarray(np.moveaxis(kept, -1, 0))
        total = self._histogram.sum(axis=(1, 2))
        counts[:, :, 0] = total - counts[:, :, 1:].sum(axis=-1)
        return counts

    def curve(self) -> Curve:
        """Scores at every threshold."""
        counts = self.counts()
        right = np.diagonal(counts, axis1=1, axis2=2)
        precision = divide(right, counts.sum(axis=1))[:, 1:]
        recall = divide(right, counts.sum(axis=2))[:, 1:]
        iou = intersection_over_union(counts)
        return Curve(
            thresholds=THRESHOLDS,
            miou=_means(iou),
            precision=_means(precision),
            recall=_means(recall),
            iou=iou,
            accuracy=divide(right.sum(axis=1), counts.sum(axis=(1, 2))),
        )


def strongest(maps: Mapping[int, np.ndarray], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The class with the strongest attention at every pixel; the lowest index in a tie.

    Args:
        maps: class index → h×w float in [0, 1]; resized to `shape` by bilinear interpolation.
        shape: (H, W).

    Returns:
        H×W `uint8` class indices (0 without any map) and H×W `float32` strengths.
    """
    winner = np.zeros(shape, np.uint8)
    strength = np.full(shape, -1.0, np.float32)
    for index in sorted(maps):
        values = cv2.resize(maps[index], (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        better = values > strength
        winner[better] = index
        strength[better] = values[better]
    return winner, np.clip(strength, 0.0, 1.0)


def _means(values: np.ndarray) -> np.ndarray:
    return np.array([mean_defined(row) for row in values])
