"""Predicting images of any size, and refining their scores by a CRF."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from weakseg.backbones.grid import CORNERS, enlarge, resample, whole
from weakseg.crf.engine import dense_crf
from weakseg.crf.settings import CrfConfig
from weakseg.crf.size import largest, shrunk
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.training.precision import autocast


class Scorer(Protocol):
    """What prediction asks of a segmenter: a network, or an ONNX model.

    `stride` and `aligned` say where its cells lie; `grid` explains them.
    """

    stride: int
    aligned: str

    def logits(self, images: Tensor) -> Tensor:
        """RGB N×3×H×W in 0…255 → class scores N×(C+1)×h×w float32."""
        ...


def predict_scores(
    scorer: Scorer, image: np.ndarray, settings: PredictionConfig, device: torch.device
) -> np.ndarray:
    """Log-probabilities of one image at the segmenter's resolution.

    Args:
        scorer: a network in evaluation mode on `device`, or an ONNX model.
        image: RGB `uint8` H×W×3, as the network is to see it.
        settings: the probabilities of all `scales` are averaged at the resolution of size 1.
        device: where to compute.

    Returns:
        (C+1)×h×w float16; `upsample` brings it to H×W.
    """
    (scores,) = predict_batch(scorer, [image], settings, device)
    return scores


def predict_batch(
    scorer: Scorer, images: Sequence[np.ndarray], settings: PredictionConfig, device: torch.device
) -> list[np.ndarray]:
    """`predict_scores` of several images of one size at once, (C+1)×h×w float16 each."""
    size = images[0].shape[:2]
    total: Tensor | None = None
    with torch.inference_mode(), autocast(settings.precision, device):
        for scale in settings.scales:
            batch = np.stack([_scaled(image, scale) for image in images])
            probabilities = _probabilities(scorer, batch, settings.flip, device)
            if scale != 1.0:
                probabilities = resample(probabilities, batch.shape[1:3], size, scorer.stride, scorer.aligned)
            total = probabilities if total is None else total + probabilities
    assert total is not None
    mean = (total / len(settings.scales)).clamp(min=1e-7)
    return list(np.asarray(mean.log().cpu().numpy(), np.float16))


def _probabilities(scorer: Scorer, images: np.ndarray, flip: bool, device: torch.device) -> Tensor:
    """Softmax N×(C+1)×h×w of images N×H×W×3 padded at the right and below to whole cells."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device).float()
    padded = whole(tensor, scorer.stride, scorer.aligned)
    both = torch.cat([padded, padded.flip(3)]) if flip else padded
    logits = scorer.logits(both.contiguous(memory_format=torch.channels_last))
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


def upsample(scores: np.ndarray, size: tuple[int, ...], stride: int, aligned: str = CORNERS) -> np.ndarray:
    """Scores M×h×w of the padded image → M×H×W float32, the padding cut off."""
    tensor = torch.from_numpy(scores.astype(np.float32))[None]
    return enlarge(tensor, size, stride, aligned)[0].numpy()


def labels_of(
    scores: np.ndarray,
    seen: np.ndarray,
    size: tuple[int, ...],
    stride: int,
    aligned: str,
    crf: CrfConfig | None = None,
) -> np.ndarray:
    """Labels of an image from its scores.

    Args:
        scores: log-probabilities M×h×w.
        seen: the image as the network saw it, h'×w'×3 `uint8`.
        size: the image's own height and width H×W, to which the values are enlarged.
        stride, aligned: where the scores' cells lie over `seen`.
        crf: the dense CRF that refines them on `seen`, shrunk to its `longest`; `None` leaves it out.

    Returns:
        H×W `uint8`.
    """
    if crf is None:
        values = upsample(scores, (seen.shape[0], seen.shape[1]), stride, aligned)
    else:
        values = refined_probabilities(seen, scores, stride, crf, aligned)
    if tuple(size[:2]) == values.shape[1:]:
        return np.asarray(values.argmax(axis=0), np.uint8)
    return largest(values, (size[0], size[1]))[0]


def refined_probabilities(
    image: np.ndarray, scores: np.ndarray, stride: int, crf: CrfConfig, aligned: str = CORNERS
) -> np.ndarray:
    """Dense CRF over all M classes.

    Args:
        image: as the network saw it, H×W×3 `uint8`; above `crf.longest` it is shrunk for the CRF.
        scores: log-probabilities M×h×w.
        stride, aligned: where the scores' cells lie over the image.
        crf: the CRF.

    Returns:
        Probabilities M×H'×W' float32 of the image as the CRF saw it.
    """
    seen = shrunk(image, crf.longest)
    if seen is image:
        values = upsample(scores, image.shape[:2], stride, aligned)
    else:  # one class at a time: all of them at the image's size are what has to be bounded
        whole_size = image.shape[:2]
        values = np.stack(
            [_area(upsample(score[None], whole_size, stride, aligned)[0], seen) for score in scores]
        )
    values -= values.max(axis=0)
    np.exp(values, out=values)
    values /= values.sum(axis=0)
    return dense_crf(seen, values, crf)


def _area(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Values H×W at the smaller size of an image, the mean over what each of its pixels stands for."""
    return np.asarray(cv2.resize(values, like.shape[1::-1], interpolation=cv2.INTER_AREA))
