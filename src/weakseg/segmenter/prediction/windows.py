"""Prediction of a large image at its own size, in overlapping windows: memory is that of a window and of the scores."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from weakseg.backbones.grid import CENTRES, cells, enlarge
from weakseg.segmenter.prediction.predict import Scorer, predict_scores
from weakseg.segmenter.prediction.settings import PredictionConfig

OVERLAP = 4
"""A window shares 1 / OVERLAP of its cells with the next."""
BAND = 512
"""Rows of the image that are enlarged at once,"""
VALUES = 1 << 25
"""and values: of a wide image, fewer rows."""


def predict_windows(
    scorer: Scorer, image: np.ndarray, window: int, settings: PredictionConfig, device: torch.device
) -> np.ndarray:
    """As `predict_scores`, but the network never sees more than `window` pixels a side, times the largest scale.

    Returns:
        (C+1)×h×w float16 log-probabilities of the whole image's cells.
    """

    def read(top: int, left: int, bottom: int, right: int) -> np.ndarray:
        return image[top:bottom, left:right]

    size = (image.shape[0], image.shape[1])
    return np.concatenate([*score_bands(scorer, read, size, window, settings, device)], axis=1)


def score_bands(
    scorer: Scorer,
    read: Callable[[int, int, int, int], np.ndarray],
    size: tuple[int, int],
    window: int,
    settings: PredictionConfig,
    device: torch.device,
) -> Iterator[np.ndarray]:
    """Scores of an image that is read window by window: memory is that of a window and of a row of windows' scores.

    Windows begin on the grid of the whole image's cells. Where several look, their probabilities are averaged, a
    window's border counting least: it knows least of what lies around it.

    Args:
        scorer: the network.
        read: RGB `uint8` of the pixels from a top and left to a bottom and right.
        size: height and width of the image.
        window: side of a window.
        settings: how the network predicts.
        device: where.

    Yields:
        (C+1)×r×w float16 log-probabilities of the next r rows of the image's cells.
    """
    stride = scorer.stride
    downwards, across = (_spans(side, window, scorer) for side in size)
    rows, columns = (cells(side, stride, scorer.aligned) for side in size)
    ends = [*(top // stride for top, _ in downwards[1:]), rows]  # no later window reaches above
    total = np.zeros((0, 0, columns), np.float32)
    weights = np.zeros((0, columns), np.float32)
    for (top, bottom), end in zip(downwards, ends, strict=True):
        for left, right in across:
            scores = predict_scores(scorer, read(top, left, bottom, right), settings, device)
            probabilities = np.exp(scores.astype(np.float32))
            count, height, width = probabilities.shape
            if height > len(weights):
                missing = height - len(weights)
                old = total if total.size else np.zeros((count, 0, columns), np.float32)
                total = np.concatenate([old, np.zeros((count, missing, columns), np.float32)], axis=1)
                weights = np.concatenate([weights, np.zeros((missing, columns), np.float32)])
            weight = _hat(height)[:, None] * _hat(width)
            place = slice(height), slice(left // stride, left // stride + width)
            total[:, *place] += probabilities * weight
            weights[place] += weight
        done = end - top // stride
        yield np.asarray(np.log(np.maximum(total[:, :done] / weights[:done], 1e-7)), np.float16)
        total, weights = total[:, done:], weights[done:]


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
    return np.concatenate([labels for _, labels in label_bands([scores], size, stride, aligned)])


def label_bands(
    bands: Iterable[np.ndarray], size: tuple[int, int], stride: int, aligned: str
) -> Iterator[tuple[int, np.ndarray]]:
    """As `labels_in_bands`, of scores that come a few rows of cells at a time.

    Yields:
        The first row of pixels and labels H'×W `uint8`, from the top to the bottom.
    """
    held: np.ndarray | None = None  # rows of cells from `first` on, and one above to interpolate from
    first = 0
    for band in bands:
        held = band if held is None else np.concatenate([held, band], axis=1)
        most = max(1, min(BAND, VALUES // (len(held) * size[1])) // stride)
        while held.shape[1] - min(first, 1) > most:  # the row of cells below is there
            yield first * stride, _labels(held, first, most, size, stride, aligned)
            held = held[:, most - (first == 0) :]
            first += most
    if held is not None and first * stride < size[0]:
        yield first * stride, _labels(held, first, held.shape[1], size, stride, aligned)


def _labels(
    held: np.ndarray, first: int, rows: int, size: tuple[int, int], stride: int, aligned: str
) -> np.ndarray:
    """Labels below some rows of cells; `held` begins with the row before `first`, if there is one."""
    before = min(first, 1)
    part = torch.from_numpy(held[:, : before + rows + 1].astype(np.float32))
    height = min(size[0] - first * stride, rows * stride)
    wanted = (min(height + before * stride, part.shape[1] * stride), size[1])
    values = enlarge(part[None], wanted, stride, aligned)[0]
    return values.argmax(dim=0).numpy().astype(np.uint8)[before * stride :]
