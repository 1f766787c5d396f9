"""Fusing and refining the proxy labels of one image."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from weakseg.crf.engine import dense_crf
from weakseg.crf.size import largest, shrunk
from weakseg.proxy.settings import RefineConfig
from weakseg.settings.methods import Method
from weakseg.storage.labels import UNDECIDED


def fuse(
    size: tuple[int, int],
    saliency: np.ndarray,
    attention: Mapping[str, np.ndarray],
    classes: Sequence[str],
    rule: Method,
) -> np.ndarray:
    """Label map of one image.

    Args:
        size: height and width of the image.
        saliency: h×w in [0, 1], any resolution.
        attention: present class name → h×w in [0, 1], any resolution.
        classes: all class names in order.
        rule: the chosen one, with its values.

    Returns:
        H×W `uint8`, 255 where undecided. Without a present class all is background, whatever stands out.
    """
    if not attention:
        return np.zeros(size, np.uint8)
    names = [name for name in classes if name in attention]
    maps = np.zeros((len(names), *size), np.float32)
    for number, name in enumerate(names):
        maps[number] = enlarge(attention[name], size)
    present = [classes.index(name) + 1 for name in names]
    labels: np.ndarray = rule.maker()(enlarge(saliency, size), maps, present, rule)
    return labels


def refine(
    image: np.ndarray, labels: np.ndarray, present: Sequence[int], settings: RefineConfig
) -> np.ndarray:
    """Dense CRF over background and the image's own classes, so that it never invents one.

    An image larger than `settings.crf.longest` is shrunk for the CRF, its labels by the share of each in a pixel; the
    probabilities are enlarged.

    Args:
        image: RGB `uint8` H×W×3.
        labels: fused labels H×W `uint8`.
        present: the image's class indices.
        settings: of the CRF and of what becomes of undecided pixels.

    Returns:
        H×W `uint8`.
    """
    indices = np.asarray([0, *present], np.uint8)
    if len(indices) == 1 or bool((labels == UNDECIDED).all()):
        return labels.copy()
    seen = shrunk(image, settings.crf.longest)
    size = seen.shape[:2]
    fused = label_probabilities(labels, indices, settings.label_confidence, size)
    refined = dense_crf(seen, fused, settings.crf)
    if size == labels.shape:
        winner, best = refined.argmax(axis=0), refined.max(axis=0)
    else:
        winner, best = largest(refined, (labels.shape[0], labels.shape[1]))
    result: np.ndarray = indices[winner]
    result[best < settings.confidence] = UNDECIDED
    if settings.undecided == "keep":
        result[labels == UNDECIDED] = UNDECIDED
    return result


def label_probabilities(
    labels: np.ndarray, indices: np.ndarray, confidence: float, size: tuple[int, ...] | None = None
) -> np.ndarray:
    """Probabilities M×h×w that give a decided pixel's label `confidence` and share the rest equally.

    Args:
        labels: H×W `uint8`.
        indices: the M labels to decide between; pixels of any other, such as 255, are uniform.
        confidence: probability of a pixel's label.
        size: h×w, smaller than the labels: the mean over what each pixel stands for; `None`: H×W.
    """
    others = (1.0 - confidence) / (len(indices) - 1)
    shares = [_mean(labels == index, labels.shape if size is None else size) for index in indices]
    decided = np.sum(shares, axis=0)
    undecided = (1.0 - decided) / len(indices)
    return np.stack([confidence * share + others * (decided - share) + undecided for share in shares]).astype(
        np.float32
    )


def _mean(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Share of a mask H×W in every pixel of h×w, float32."""
    values = mask.astype(np.float32)
    if tuple(size[:2]) == mask.shape:
        return values
    return np.asarray(cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_AREA))


def enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear resize of h×w to `size` (height, width)."""
    resized: np.ndarray = cv2.resize(
        np.asarray(values, np.float32), size[::-1], interpolation=cv2.INTER_LINEAR
    )
    return resized
