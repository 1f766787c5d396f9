"""Finding boxes in an image of any size, and COCO's format of what was found."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from weakseg.detector.network import Detector
from weakseg.detector.settings import BoxPredictionConfig
from weakseg.training.precision import autocast


@dataclass(frozen=True)
class Found:
    """The boxes found in one image, the surest first.

    Attributes:
        boxes: K×4 float64: left, top, right and bottom in the image's pixels, within the image.
        labels: K int64, 1…C.
        scores: K float64, probabilities.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def find_boxes(
    network: Detector, image: np.ndarray, settings: BoxPredictionConfig, device: torch.device
) -> Found:
    """The boxes of one image.

    Args:
        network: in evaluation mode on `device`.
        image: RGB `uint8` H×W×3.
        settings: of the prediction.
        device: where to compute.
    """
    height, width = image.shape[:2]
    shown = _scaled(image, settings.size)
    tensor = torch.from_numpy(shown).permute(2, 0, 1)[None].to(device)
    with torch.inference_mode(), autocast(settings.precision, device):
        (found,) = network.detect(tensor, settings)
    boxes = found["boxes"].cpu().numpy().astype(np.float64)
    boxes *= np.array([width / shown.shape[1], height / shown.shape[0]] * 2)
    boxes = boxes.round(2).clip(0, [width, height] * 2)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)  # not wholly in what was padded
    labels, scores = found["labels"].cpu().numpy(), found["scores"].cpu().numpy().astype(np.float64)
    return Found(boxes[inside], labels[inside], scores[inside])


def _scaled(image: np.ndarray, size: int | None) -> np.ndarray:
    """The image with its longest side brought to `size`."""
    height, width = image.shape[:2]
    scale = 1.0 if size is None else size / max(height, width)
    if scale == 1.0:
        return image
    sides = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        cv2.resize(image, sides, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    )


def coco_results(number: int, found: Found) -> list[dict[str, Any]]:
    """COCO's results format: left, top, width and height in pixels.

    Args:
        number: of the image.
        found: its boxes.
    """
    return [
        {
            "image_id": number,
            "category_id": int(label),
            "bbox": [left, top, round(right - left, 2), round(bottom - top, 2)],
            "score": round(score, 5),
        }
        for (left, top, right, bottom), label, score in zip(
            found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
        )
    ]
