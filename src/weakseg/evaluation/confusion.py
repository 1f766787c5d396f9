"""Confusion matrix and intersection over union (Everingham et al., The PASCAL VOC Challenge, 2010, sec. 4.3).

Pixels whose truth is 255 are not scored. A *predicted* 255 is undecided. There are three ways to score it:

* left out: the pixel is not scored. This is the main `miou` of proxy labels, because training leaves these pixels out,
  too. A rule that decides fewer pixels can score higher, so the undecided share is always listed as well;
* wrong (`miou_undecided_wrong`): a false negative of the true class. Undecided pixels never raise this score;
* background (`miou_undecided_background`): the pixel counts as background, as in many published scores of proxy labels
  (IRNet's code maps 255 to 0 first). It is the highest of the three if the undecided pixels are background.

Without undecided pixels the three are equal.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from weakseg.storage.labels import UNDECIDED


class ConfusionMatrix:
    """Pixel counts of many label maps; memory does not grow with their number.

    Attributes:
        names: background, then the classes.
        counts: `int64` (C+1)×(C+1); row: truth, column: decided prediction.
        undecided: `int64` C+1; scored pixels of each true class whose prediction is 255.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.names = ("background", *classes)
        size = len(self.names)
        self.counts = np.zeros((size, size), np.int64)
        self.undecided = np.zeros(size, np.int64)

    def update(self, truth: np.ndarray, labels: np.ndarray) -> None:
        """Count the pixels of one image.

        Args:
            truth: H×W `uint8`, 0…C or 255 (not scored).
            labels: H×W `uint8`, 0…C or 255 (undecided).

        Raises:
            ValueError: the shapes differ, or a scored pixel holds another value.
        """
        if truth.shape != labels.shape:
            raise ValueError(f"it is {_size(labels)} pixels, the mask {_size(truth)}")
        size = len(self.names)
        scored = truth != UNDECIDED
        pairs = truth[scored].astype(np.intp) * 256 + labels[scored]
        joint = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)
        for name, occurrences in (("the mask", joint.sum(axis=1)), ("it", joint.sum(axis=0))):
            stray = np.flatnonzero(occurrences[size:UNDECIDED])
            if stray.size:
                raise ValueError(
                    f"{name} holds the index {size + stray[0]}; 0…{size - 1} or 255 was expected"
                )
        self.counts += joint[:size, :size]
        self.undecided += joint[:size, UNDECIDED]

    def iou(self, *, undecided: Literal["left out", "wrong", "background"] = "left out") -> np.ndarray:
        """IoU of every class, `float64` C+1; NaN for a class absent from truth and prediction."""
        if undecided == "background":
            counts = self.counts.copy()
            counts[:, 0] += self.undecided
            return intersection_over_union(counts)
        return intersection_over_union(self.counts, self.undecided if undecided == "wrong" else 0)

    @property
    def true_classes(self) -> int:
        """Number of foreground classes with a scored pixel in the truth."""
        return int(np.count_nonzero((self.counts.sum(axis=1) + self.undecided)[1:]))

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur, background included; undecided pixels are not scored."""
        return mean_defined(self.iou())

    @property
    def miou_undecided_wrong(self) -> float:
        """As `miou`, with undecided pixels as false negatives."""
        return mean_defined(self.iou(undecided="wrong"))

    @property
    def miou_undecided_background(self) -> float:
        """As `miou`, with undecided pixels as background."""
        return mean_defined(self.iou(undecided="background"))

    @property
    def pixel_accuracy(self) -> float:
        """Accuracy on the decided, scored pixels; NaN without any."""
        return _ratio(np.trace(self.counts), self.counts.sum())

    @property
    def undecided_share(self) -> float:
        """Share of the scored pixels that are undecided; NaN without any."""
        return _ratio(self.undecided.sum(), self.undecided.sum() + self.counts.sum())


def intersection_over_union(counts: np.ndarray, missed: np.ndarray | int = 0) -> np.ndarray:
    """IoU = right / (truth + prediction − right) for each class.

    Args:
        counts: …×K×K pixel counts; row: truth, column: prediction.
        missed: …×K further pixels of each true class without a predicted class.

    Returns:
        …×K `float64`; NaN for a class in neither.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    return divide(right, counts.sum(axis=-1) + counts.sum(axis=-2) - right + missed)


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Element-wise quotient; NaN if `below` is 0."""
    quotient = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def mean_defined(values: np.ndarray) -> float:
    """Mean of the values that are not NaN; NaN if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _ratio(part: np.int64, whole: np.int64) -> float:
    return float(part / whole) if whole else float("nan")


def _size(labels: np.ndarray) -> str:
    return "×".join(str(side) for side in reversed(labels.shape))
