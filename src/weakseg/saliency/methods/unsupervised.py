"""Minimum barrier saliency: no network, no weights and no labels of any kind.

Zhang, Sclaroff, Lin, Shen, Price and Mech, Minimum Barrier Salient Object Detection at 80 FPS, ICCV 2015. What stands
out is what cannot be reached from the image's border without crossing a contrast. Not from the paper: the opening and
closing by reconstruction that smooths its maps is left out; labels here are drawn to the edges by a dense CRF.
"""

from pydantic import Field

from weakseg.saliency.methods.declaration import SaliencyMethod, Say


class UnsupervisedSettings(SaliencyMethod):
    """Minimum barrier saliency (Zhang et al., ICCV 2015): no network, no weights, no labels."""

    name = "unsupervised"
    made_by = "unsupervised_source"
    mirrors = False

    size: int = Field(300, ge=32, le=2048)
    """Longest side that images are brought to; the paper's is 300."""
    backgroundness: bool = True
    """Also see how much a colour differs from the image's borders (MB+ of the paper)."""
    center: bool = True
    """Weigh the middle of the image more, as the paper does."""


import cv2
import numpy as np

from weakseg.compiled import compiled
from weakseg.saliency.maps import Source, of_images

PASSES = 3  # section 3.2: more change little
BORDER = 30  # width in pixels of each border whose colours are background (section 4.2: 30 of 300)
STEEPNESS = 10.0  # of the sigmoid that raises the contrast (section 4.3)
SPREAD = 1.0  # least variance of a border's colours, so that a border of one colour can be inverted


def unsupervised_source(settings: UnsupervisedSettings, flip: bool, say: Say) -> Source:
    """Minimum barrier saliency of each image."""
    values = settings.model_dump()
    return of_images(lambda image: barrier_saliency(image, **values))


def barrier_saliency(
    image: np.ndarray, size: int = 300, backgroundness: bool = True, center: bool = True
) -> np.ndarray:
    """Saliency of RGB `uint8` H×W×3 at a longest side of `size`: h×w float32 in [0, 1].

    Args:
        image: any size; it is only ever shrunk.
        size: longest side in pixels.
        backgroundness: add how far colours lie from those of the borders (MB+).
        center: multiply by the distance from the image's edge to its centre.
    """
    shrink = min(1.0, size / max(image.shape[:2]))
    width, height = (max(2, round(side * shrink)) for side in image.shape[1::-1])
    thin = min(image.shape[:2]) < 2  # one pixel is made two: area interpolation is for shrinking alone
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR if thin else cv2.INTER_AREA)
    channels = cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)
    found = _to_one(np.sum([barrier_distance(channel) for channel in np.moveaxis(channels, 2, 0)], axis=0))
    if backgroundness:
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
        found = _to_one(found + border_contrast(lab))
    if center:
        found = _to_one(found * _centered(height, width))
    raised = 1.0 / (1.0 + np.exp(-STEEPNESS * (found - 0.5)))
    saliency: np.ndarray = _to_one(raised).astype(np.float32)
    return saliency


@compiled()
def barrier_distance(channel: np.ndarray) -> np.ndarray:
    """Fast minimum barrier distance of every pixel to the image's border (algorithm 1), h×w float32.

    The cost of a path is its largest value minus its smallest. Raster scans in turn forwards and backwards carry, for
    each pixel, the largest and smallest value of its best path so far.
    """
    height, width = channel.shape
    distance = np.full((height, width), np.inf, np.float32)
    distance[0], distance[-1] = 0.0, 0.0
    distance[:, 0], distance[:, -1] = 0.0, 0.0
    highest, lowest = channel.copy(), channel.copy()
    for number in range(PASSES):
        step = 1 if number % 2 == 0 else -1
        for row in range(1, height - 1):
            y = row if step == 1 else height - 1 - row
            for column in range(1, width - 1):
                x = column if step == 1 else width - 1 - column
                for dy, dx in ((step, 0), (0, step)):
                    up = max(highest[y - dy, x - dx], channel[y, x])
                    down = min(lowest[y - dy, x - dx], channel[y, x])
                    if up - down < distance[y, x]:
                        distance[y, x] = up - down
                        highest[y, x], lowest[y, x] = up, down
    return distance


def border_contrast(lab: np.ndarray) -> np.ndarray:
    """How far each colour lies from those of the four borders (section 4.2), h×w in [0, 1].

    Mahalanobis distance to each border's colours, each divided by its maximum; their sum less the largest, so that an
    object that touches one border does not hide.
    """
    height, width = lab.shape[:2]
    wide = max(1, min(BORDER, height // 4, width // 4))
    colours = lab.reshape(-1, 3)
    borders = (lab[:wide], lab[-wide:], lab[:, :wide], lab[:, -wide:])
    distances = []
    for border in borders:
        pixels = border.reshape(-1, 3)
        covariance = np.cov(pixels, rowvar=False) + SPREAD * np.eye(3)
        offset = colours - pixels.mean(axis=0)
        squared = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
        away = np.sqrt(np.maximum(squared, 0.0))
        distances.append(away / max(float(away.max()), 1e-6))
    total = np.sum(distances, axis=0) - np.max(distances, axis=0)
    contrast: np.ndarray = _to_one(total.reshape(height, width))
    return contrast


def _centered(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    away = np.hypot((y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width)
    weight: np.ndarray = 1.0 - away / away.max()
    return weight


def _to_one(values: np.ndarray) -> np.ndarray:
    """Min-max to [0, 1]; a flat map is zero."""
    low, high = float(values.min()), float(values.max())
    scaled: np.ndarray = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return scaled
