"""Predicting images of any size."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from weakseg.backbones.grid import CENTRES, CORNERS
from weakseg.crf.settings import CrfConfig
from weakseg.segmenter.networks.largefov import STRIDE, LargeFov, LargeFovSettings
from weakseg.segmenter.prediction.predict import labels_of, predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> LargeFov:
    torch.manual_seed(0)
    return LargeFov("vgg_small", 3, LargeFovSettings()).eval()


def scores_of(network: LargeFov, image: np.ndarray, **changes: object) -> np.ndarray:
    return predict_scores(network, image, PredictionConfig(precision="fp32", **changes), CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(33, 49), (1, 1), (50, 31), (64, 64)])
def test_any_size(network: LargeFov, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scores = scores_of(network, image)
    np.testing.assert_allclose(np.exp(scores.astype(np.float32)).sum(0), 1, atol=5e-3)
    assert upsample(scores, size, STRIDE).shape == (4, *size)


def test_upsampling_hits_the_grid() -> None:
    scores = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    enlarged = upsample(scores, (25, 33), STRIDE)
    np.testing.assert_allclose(enlarged[:, ::8, ::8], scores, atol=1e-5)
    np.testing.assert_allclose(enlarged[:, 4, 0], (scores[:, 0, 0] + scores[:, 1, 0]) / 2, atol=1e-5)


def test_flip_makes_mirrored_images_predict_mirrored(network: LargeFov) -> None:
    image = np.random.default_rng(1).integers(0, 256, (41, 57, 3), dtype=np.uint8)
    plain = scores_of(network, image, flip=True)
    mirrored = scores_of(network, np.ascontiguousarray(image[:, ::-1]), flip=True)
    np.testing.assert_allclose(plain, mirrored[:, :, ::-1], atol=2e-2)


def test_scales_are_averaged_on_the_first_grid(network: LargeFov) -> None:
    image = np.random.default_rng(1).integers(0, 256, (41, 57, 3), dtype=np.uint8)
    one, many = scores_of(network, image), scores_of(network, image, scales=[1.0, 0.75, 1.5])
    assert one.shape == many.shape == (4, 6, 8)
    assert not np.allclose(one, many, atol=1e-3)


class Ramp:
    """Two classes; the log of their ratio is the red of the pixel under a cell, less 128."""

    def __init__(self, stride: int, aligned: str) -> None:
        self.stride, self.aligned = stride, aligned

    def logits(self, images: Tensor) -> Tensor:
        red = images[:, :1].float() - 128.0
        step = self.stride
        red = avg_pool2d(red, step) if self.aligned == CENTRES else red[:, :, ::step, ::step]
        return torch.cat([torch.zeros_like(red), red / 256], dim=1)


@pytest.mark.parametrize(("stride", "aligned"), [(8, CORNERS), (16, CORNERS), (8, CENTRES), (32, CENTRES)])
@pytest.mark.parametrize("side", [300, 333, 375, 500])
@pytest.mark.parametrize("scale", [0.6, 0.8, 1.5])
def test_a_scaled_image_is_looked_up_where_its_pixels_lie(
    stride: int, aligned: str, side: int, scale: float
) -> None:
    ramp = np.uint8(np.round(np.linspace(0, 255, side)))
    for axis in (0, 1):
        image = np.repeat(np.expand_dims(ramp, 1 - axis), side // 2, axis=1 - axis)
        scorer, image = Ramp(stride, aligned), np.repeat(image[:, :, None], 3, axis=2)
        whole, scaled = (
            predict_scores(scorer, image, PredictionConfig(scales=[size], flip=True, precision="fp32"), CPU)
            for size in (1.0, scale)
        )
        assert scaled.shape == whole.shape
        moved = (
            ((scaled[1] - scaled[0]) - (whole[1] - whole[0])).astype(np.float32) * 256 * side / 255
        )  # pixels
        along = np.moveaxis(moved, axis, 0)[1 : -1 - stride // 8]  # the last cells look at padding
        for part in np.array_split(along, 3):
            assert abs(part.mean()) < 1.0


def test_crf_follows_the_edge() -> None:
    image = np.full((41, 41, 3), 40, np.uint8)
    image[8:33, 8:33] = 200
    probabilities = np.full((2, 6, 6), 0.3, np.float32)
    probabilities[0], probabilities[1, 2:4, 2:4] = 0.7, 0.9
    probabilities[0, 2:4, 2:4] = 0.1
    labels = labels_of(
        np.log(probabilities).astype(np.float16),
        image,
        image.shape,
        STRIDE,
        "corners",
        CrfConfig(preset="psa"),
    )
    truth = np.zeros((41, 41), np.uint8)
    truth[8:33, 8:33] = 1
    assert (labels == truth).mean() > 0.97
