"""Predicting one image of any size, and refining its scores by a CRF."""

from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.crf import CrfParameters, dense_crf
from weakseg.segmenter.network import Segmenter
from weakseg.training.precision import autocast


def predict_scores(
    network: nn.Module,
    image: np.ndarray,
    *,
    scales: Sequence[float],
    flip: bool,
    precision: str,
    device: torch.device,
) -> np.ndarray:
    """Log-probabilities of one image at the segmenter's resolution.

    Args:
        network: a `Segmenter` in evaluation mode on `device`.
        image: RGB `uint8` H×W×3.
        scales: image sizes whose probabilities are averaged, at the resolution of size 1.
        flip: average with the mirrored image.
        precision: as in the configuration.
        device: where to compute.

    Returns:
        (C+1)×h×w float16; `upsample` brings it to H×W.
    """
    stride = cast(Segmenter, network).stride
    height, width = image.shape[:2]
    grid = (-(-(height - 1) // stride) + 1, -(-(width - 1) // stride) + 1)
    total: Tensor | None = None
    with torch.inference_mode(), autocast(precision, device):
        for scale in scales:
            probabilities = _probabilities(network, _scaled(image, scale), stride, flip, device)
            if scale != 1.0:
                probabilities = functional.interpolate(
                    probabilities, grid, mode="bilinear", align_corners=True
                )
            total = probabilities if total is None else total + probabilities
    assert total is not None
    mean = (total[0] / len(scales)).clamp(min=1e-7)
    return np.asarray(mean.log().cpu().numpy(), np.float16)


def _probabilities(
    network: nn.Module, image: np.ndarray, stride: int, flip: bool, device: torch.device
) -> Tensor:
    """Softmax 1×(C+1)×h×w of an image padded at the right and below to 8k + 1 pixels."""
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].to(device).float()
    height, width = image.shape[:2]
    padded = functional.pad(tensor, (0, -(width - 1) % stride, 0, -(height - 1) % stride), mode="replicate")
    images = torch.cat([padded, padded.flip(3)]) if flip else padded
    logits = cast(Segmenter, network).logits(images.contiguous(memory_format=torch.channels_last))
    probabilities = logits.softmax(dim=1)
    if flip:
        plain, mirrored = probabilities.chunk(2)
        probabilities = (plain + mirrored.flip(3)) / 2
    return probabilities


def _scaled(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    resized: np.ndarray = cv2.resize(
        image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return resized


def upsample(scores: np.ndarray, size: tuple[int, int], stride: int) -> np.ndarray:
    """Scores M×h×w → M×H×W float32, corners aligned on the padded image, the padding cut off."""
    padded = [(side - 1) * stride + 1 for side in scores.shape[1:]]
    tensor = torch.from_numpy(scores.astype(np.float32))[None]
    enlarged = functional.interpolate(tensor, padded, mode="bilinear", align_corners=True)[0]
    return enlarged[:, : size[0], : size[1]].numpy()


def refine_scores(
    image: np.ndarray, scores: np.ndarray, stride: int, parameters: CrfParameters
) -> np.ndarray:
    """Dense CRF over all classes: log-probabilities M×h×w and the image → labels H×W `uint8`."""
    enlarged = upsample(scores, image.shape[:2], stride)
    enlarged = np.exp(enlarged - enlarged.max(axis=0))
    refined = dense_crf(image, enlarged / enlarged.sum(axis=0), parameters)
    return np.asarray(refined.argmax(axis=0), np.uint8)
