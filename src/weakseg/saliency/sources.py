"""Where saliency maps come from: functions from an image record to h×w float32 in [0, 1]."""

from pathlib import Path

import cv2
import numpy as np
import torch

from weakseg.devices import device
from weakseg.saliency.barrier import barrier_saliency
from weakseg.saliency.maps import Source, of_images
from weakseg.saliency.network import load
from weakseg.saliency.onnx_maps import Output, onnx_maps


def network_source(weights: Path, size: int | None = None, flip: bool = False) -> Source:
    """A saliency network that weakseg trained.

    Args:
        weights: the trained network.
        size: longest side that larger images are brought to; `None` keeps every image's size.
        flip: average with the map of the mirrored image.

    Raises:
        InputError: not saliency weights.
    """
    network = load(weights).to(device())

    def saliency(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            maps = network.saliency(as_batch(shrunk(image, size)).to(device()))  # type: ignore[operator]
        found: np.ndarray = maps[0, 0].cpu().numpy()
        return found

    return of_images(saliency, flip)


def shrunk(image: np.ndarray, size: int | None) -> np.ndarray:
    """An image whose longest side is at most `size`."""
    if size is None or max(image.shape[:2]) <= size:
        return image
    scale = size / max(image.shape[:2])
    width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
    smaller: np.ndarray = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return smaller


def as_batch(image: np.ndarray) -> torch.Tensor:
    """H×W×3 → 1×3×H×W."""
    return torch.from_numpy(image).permute(2, 0, 1)[None]


def unsupervised_source(size: int, backgroundness: bool, center: bool) -> Source:
    """Minimum barrier saliency, from the image alone."""
    return of_images(lambda image: barrier_saliency(image, size, backgroundness, center))


def onnx_source(file: Path, preset: str, size: int, output: Output = "preset", flip: bool = False) -> Source:
    """Any ONNX network, as `onnx_maps` takes it.

    Raises:
        InputError: the file is missing or not a model of saliency.
    """
    return of_images(onnx_maps(file, preset, size, output), flip)
