"""Visualises label maps and heat maps."""

import cv2
import numpy as np

from weakseg.storage.labels import UNDECIDED, voc_palette

BACKGROUND_COLOUR = (104, 104, 104)
"""Middle grey: on VOC's black, several VOC colours would be hard to see."""
UNDECIDED_COLOUR = (240, 240, 240)
"""Light grey, which no VOC class has."""


def overlay_palette() -> np.ndarray:
    """The colours of `overlay_labels`, RGB `uint8` 256×3: VOC's except background and undecided."""
    colours = voc_palette().copy()
    colours[0] = BACKGROUND_COLOUR
    colours[UNDECIDED] = UNDECIDED_COLOUR
    return colours


def overlay_labels(image: np.ndarray, labels: np.ndarray, opacity: float = 0.75) -> np.ndarray:
    """Lay class colours over the greyed image; background stays pale, undecided pixels are light grey.

    Regions have a black outline: VOC's car is grey, its cat nearly black. Resize image and labels to the display
    size first, or scaling removes the outline.

    Args:
        image: RGB `uint8` H×W×3.
        labels: H×W `uint8`.
        opacity: of the class colours, 0…1.

    Returns:
        RGB `uint8` H×W×3.
    """
    cover = np.full(256, opacity, np.float32)
    cover[0] = 0.55
    cover[UNDECIDED] = 0.85
    laid = _blend(_grey(image), overlay_palette()[labels], cover[labels])
    laid[outline(labels)] = 0
    return laid


def outline(labels: np.ndarray) -> np.ndarray:
    """Boundary pixels of classes, `bool` H×W: one of the four neighbours has another label."""
    other = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    other[1:] |= down
    other[:-1] |= down
    other[:, 1:] |= right
    other[:, :-1] |= right
    edge: np.ndarray = other & (labels != 0) & (labels != UNDECIDED)
    return edge


def overlay_heat(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a heat map over the image; strong values are bright and cover more of the image.

    Args:
        image: RGB `uint8` H×W×3.
        values: h×w float in [0, 1]; resized to the image by bilinear interpolation.

    Returns:
        RGB `uint8` H×W×3.
    """
    values = stretch(values, image.shape[:2])
    heat = cv2.applyColorMap(np.rint(values * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return _blend(_grey(image), heat[..., ::-1], 0.45 + 0.4 * values)


def grey_picture(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A map h×w in [0, 1] as a grey RGB `uint8` picture of (height, width) `shape`."""
    grey = np.rint(stretch(values, shape) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def stretch(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize a map h×w to (height, width) `shape` by bilinear interpolation, `float32` in [0, 1]."""
    larger = cv2.resize(values.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.clip(larger, 0.0, 1.0)


def stretch_labels(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize a label map to (height, width) `shape` by nearest neighbour."""
    nearest: np.ndarray = cv2.resize(labels, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return nearest


def fit(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale an RGB picture H×W×3 to fit into width×height pixels, keeping its aspect ratio."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized: np.ndarray = cv2.resize(picture, size, interpolation=method)
    return resized


def _grey(image: np.ndarray) -> np.ndarray:
    grey: np.ndarray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None], 3, axis=2)


def _blend(below: np.ndarray, above: np.ndarray, cover: np.ndarray) -> np.ndarray:
    mixed = below * (1 - cover[..., None]) + above * cover[..., None]
    blended: np.ndarray = np.rint(mixed).astype(np.uint8)
    return blended
