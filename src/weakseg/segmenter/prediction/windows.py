"""Prediction of a large image at its own size, in overlapping windows: memory is that of a window and of the scores."""

import numpy as np
import torch

from weakseg.backbones.grid import CENTRES, cells, enlarge
from weakseg.segmenter.prediction.predict import Scorer, predict_scores
from weakseg.segmenter.prediction.settings import PredictionConfig

OVERLAP = 4
"""A window shares 1 / OVERLAP of its cells with the next."""
BAND = 512
"""Rows of the image that are enlarged at once."""


def predict_windows(
    scorer: Scorer, image: np.ndarray, window: int, settings: PredictionConfig, device: torch.device
) -> np.ndarray:
    """As `predict_scores`, but the network never sees more than `window` pixels a side, times the largest scale.

    Windows begin on the grid of the whole image's cells. Where several look, their probabilities are averaged, a
    window's border counting least: it knows least of what lies around it.

    Returns:
        (C+1)×h×w float16 log-probabilities of the whole image's cells.
    """
    height, width = image.shape[:2]
    total: np.ndarray | None = None
    weights = np.zeros([cells(side, scorer.stride, scorer.aligned) for side in (height, width)], np.float32)
    for top, bottom in _spans(height, window, scorer):
        for left, right in _spans(width, window, scorer):
            part = image[top:bottom, left:right]
            scores = predict_scores(scorer, part, settings, device)
            probabilities = np.exp(scores.astype(np.float32))
            if total is None:
                total = np.zeros((len(probabilities), *weights.shape), np.float32)
            weight = _hat(probabilities.shape[1])[:, None] * _hat(probabilities.shape[2])
            place = tuple(
                slice(start // scorer.stride, start // scorer.stride + count)
                for start, count in zip((top, left), weight.shape, strict=True)
            )
            total[:, *place] += probabilities * weight
            weights[place] += weight
    assert total is not None
    return np.asarray(np.log(np.maximum(total / weights, 1e-7)), np.float16)


def _spans(pixels: int, window: int, scorer: Scorer) -> list[tuple[int, int]]:
    """First pixel and end of each window along a side; each begins on a cell."""
    stride, aligned = scorer.stride, scorer.aligned
    extra = stride if aligned == CENTRES else 1  # pixels of a window that its last cell needs
    whole, count = cells(pixels, stride, aligned), max(1, (window - extra) // stride + 1)
    step = max(1, count - -(-count // OVERLAP))
    starts = [*range(0, max(1, whole - count), step), max(0, whole - count)]
    ends = [min(pixels, (start + count - 1) * stride + extra) for start in starts]
    return sorted({(start * stride, end) for start, end in zip(starts, ends, strict=True)})


def _hat(count: int) -> np.ndarray:
    """Weights of a window's cells along a side: 1 in its middle, falling to almost 0 at its ends."""
    middle = (count - 1) / 2
    return np.asarray(1.0 - np.abs(np.arange(count) - middle) / (middle + 1.0), np.float32)


def labels_in_bands(scores: np.ndarray, size: tuple[int, int], stride: int, aligned: str) -> np.ndarray:
    """The largest of M scores at every pixel: `upsample(…).argmax(0)` without holding M×H×W.

    Args:
        scores: M×h×w of the image's cells.
        size: height and width H×W.
        stride, aligned: where the cells lie.

    Returns:
        H×W `uint8`.
    """
    labels = np.zeros(size, np.uint8)
    rows_of_cells = max(1, BAND // stride)
    for first in range(0, scores.shape[1], rows_of_cells):
        before = min(first, 1)  # a cell of the band above, to interpolate from
        part = scores[:, first - before : first + rows_of_cells + 1].astype(np.float32)
        top = first * stride
        rows = min(size[0] - top, rows_of_cells * stride)
        if rows <= 0:
            break
        wanted = (min(rows + before * stride, part.shape[1] * stride), size[1])
        values = enlarge(torch.from_numpy(part)[None], wanted, stride, aligned)[0]
        found = values.argmax(dim=0).numpy().astype(np.uint8)[before * stride :]
        labels[top : top + rows] = found[:rows]
    return labels
