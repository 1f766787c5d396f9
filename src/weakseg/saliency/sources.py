"""Where saliency maps come from: functions from an image record to h×w float32 in [0, 1]."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from weakseg.dataset.images import read_grey, read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.barrier import barrier_saliency
from weakseg.saliency.network import load
from weakseg.storage.onnx_file import open_onnx

Source = Callable[[Record], np.ndarray]

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
EPSILON = 1e-8


def network_source(weights: Path, size: int | None = None) -> Source:
    """A saliency network that weakseg trained.

    Args:
        weights: the trained network.
        size: longest side that larger images are brought to; `None` keeps every image's size.

    Raises:
        InputError: not saliency weights.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load(weights).to(device)

    def saliency(record: Record) -> np.ndarray:
        image = as_batch(shrunk(read_image(record.image), size)).to(device)
        with torch.inference_mode():
            found: np.ndarray = network.saliency(image)[0, 0].cpu().numpy()  # type: ignore[operator]
        return found

    return saliency


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
    return lambda record: barrier_saliency(read_image(record.image), size, backgroundness, center)


def onnx_source(file: Path, preset: str, size: int) -> Source:
    """Any ONNX network whose first input is N×3×size×size and whose first output is a map.

    Raises:
        InputError: the file is missing or is no ONNX model.
    """
    if not file.is_file():
        raise InputError(f"saliency model {file} is missing; set saliency.onnx.file to an ONNX model.")
    session = open_onnx(file)
    name = session.get_inputs()[0].name

    def saliency(record: Record) -> np.ndarray:
        values = np.asarray(session.run(None, {name: prepare(read_image(record.image), preset, size)})[0])
        return finish(values.reshape(values.shape[-2:]), preset)

    return saliency


def prepare(image: np.ndarray, preset: str, size: int) -> np.ndarray:
    """RGB `uint8` H×W×3 → 1×3×size×size float32, scaled as the preset says."""
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    if preset == "u2net":
        resized /= max(float(resized.max()), EPSILON)  # by the image's own maximum, as U²-Net was trained
    else:
        resized /= 255.0
    if preset in ("u2net", "imagenet"):
        resized = (resized - IMAGENET_MEAN) / IMAGENET_STD
    return np.ascontiguousarray(resized.transpose(2, 0, 1)[None])


def finish(values: np.ndarray, preset: str) -> np.ndarray:
    """Network output h×w → [0, 1]: min-max for `u2net`, clipped for the others."""
    if preset == "u2net":
        low, high = float(values.min()), float(values.max())
        values = (values - low) / max(high - low, EPSILON)
    clipped: np.ndarray = np.clip(values, 0.0, 1.0).astype(np.float32)
    return clipped


def folder_source(folder: Path) -> Source:
    """Grey PNGs named like the images, 0…255, any size.

    Raises:
        InputError: an image has no map, or it cannot be read.
    """

    def saliency(record: Record) -> np.ndarray:
        path = folder / f"{record.id}.png"
        try:
            return read_grey(path).astype(np.float32) / np.float32(255.0)
        except InputError as error:
            raise InputError(f"saliency.folder.folder, one grey PNG per image: {error}") from None

    return saliency
