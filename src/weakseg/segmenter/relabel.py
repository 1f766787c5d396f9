"""Self-training: a trained segmenter's scores of a training image become the labels of the next round.

As with proxies, nothing may be labelled that the image's own labels do not name.
"""

from collections.abc import Sequence

import numpy as np

from weakseg.backbones.grid import CORNERS
from weakseg.crf.settings import CrfConfig
from weakseg.crf.size import largest
from weakseg.segmenter.prediction.predict import refined_probabilities, upsample
from weakseg.storage.labels import UNDECIDED


def relabel(
    image: np.ndarray,
    scores: np.ndarray,
    present: Sequence[int],
    *,
    stride: int,
    aligned: str = CORNERS,
    crf: CrfConfig | None,
    confidence: float,
) -> np.ndarray:
    """Labels of one image for the next round.

    Args:
        image: RGB `uint8` H×W×3.
        scores: log-probabilities of all C+1 classes at the segmenter's resolution.
        present: indices of the image's own classes; without one, all is background.
        stride, aligned: where the scores' cells lie.
        crf: the dense CRF; `None` leaves it out.
        confidence: pixels whose probability is below this become undecided.

    Returns:
        H×W `uint8`.
    """
    indices = np.asarray([0, *present], np.uint8)
    if len(indices) == 1:
        return np.zeros(image.shape[:2], np.uint8)
    if crf is None:
        probabilities = np.exp(upsample(scores[indices], image.shape[:2], stride, aligned))
        probabilities /= probabilities.sum(axis=0)
    else:
        probabilities = refined_probabilities(image, scores[indices], stride, crf, aligned)
    if probabilities.shape[1:] == image.shape[:2]:
        winner, best = probabilities.argmax(axis=0), probabilities.max(axis=0)
    else:
        winner, best = largest(probabilities, (image.shape[0], image.shape[1]))
    labels: np.ndarray = indices[winner]
    labels[best < confidence] = UNDECIDED
    return labels
