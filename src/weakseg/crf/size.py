"""Shrinks images for the dense CRF and enlarges its probabilities again."""

from collections.abc import Iterable

import cv2
import numpy as np


def seen_size(image: np.ndarray, longest: int | None) -> tuple[int, int]:
    """Height and width of an image H×W×… after shrinking its longer side to at most `longest` pixels, if given."""
    height, width = image.shape[:2]
    scale = 1.0 if longest is None else min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrunk(image: np.ndarray, longest: int | None) -> np.ndarray:
    """The image at `seen_size`, by area averaging."""
    height, width = seen_size(image, longest)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def largest(values: Iterable[np.ndarray], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The largest of M values at every pixel of a larger image; enlarges one map at a time to save memory.

    Args:
        values: M×h×w float32, resized to the image by bilinear interpolation.
        size: height and width H×W.

    Returns:
        H×W `uint8`, the index of the largest, and H×W float32, its value.
    """
    labels = np.zeros(size, np.uint8)
    best = np.full(size, -np.inf, np.float32)
    for label, value in enumerate(values):
        enlarged = cv2.resize(value, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        labels[enlarged > best] = label
        np.maximum(best, enlarged, out=best)
    return labels, best
