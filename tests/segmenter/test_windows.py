"""Sliding windows: what the network would say of the whole image, as far as a window can know."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import weakseg
from weakseg.backbones.grid import CENTRES, CORNERS, cells
from weakseg.errors import InputError
from weakseg.segmenter.prediction.predict import predict_scores, upsample
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.segmenter.prediction.windows import _spans, labels_in_bands, predict_windows

CPU = torch.device("cpu")


class Pointwise:
    """Three classes from the red of the pixel under each cell: what is seen around it makes no difference."""

    def __init__(self, stride: int, aligned: str) -> None:
        self.stride, self.aligned = stride, aligned

    def logits(self, images: Tensor) -> Tensor:
        red = images[:, :1].float()
        step = self.stride
        centres = self.aligned == CENTRES
        red = torch.nn.functional.avg_pool2d(red, step) if centres else red[:, :, ::step, ::step]
        return torch.cat([-(((red - 40.0 * level) / 40) ** 2) for level in (1, 3, 5)], dim=1)


@pytest.mark.parametrize(("stride", "aligned"), [(8, CORNERS), (8, CENTRES), (32, CENTRES), (16, CORNERS)])
@pytest.mark.parametrize("size", [(97, 160), (31, 203), (64, 64)])
def test_windows_of_a_pointwise_network_equal_the_whole(
    stride: int, aligned: str, size: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scorer = Pointwise(stride, aligned)
    settings = PredictionConfig(flip=True, precision="fp32")
    whole = predict_scores(scorer, image, settings, CPU)
    parts = predict_windows(scorer, image, 70, settings, CPU)
    assert parts.shape == whole.shape
    np.testing.assert_allclose(parts, whole, atol=2e-2)


@pytest.mark.parametrize(("stride", "aligned"), [(8, CORNERS), (8, CENTRES), (32, CENTRES)])
@pytest.mark.parametrize("pixels", [1, 64, 65, 100, 1000])
def test_windows_cover_the_side_and_are_never_larger(stride: int, aligned: str, pixels: int) -> None:
    spans = _spans(pixels, 128, Pointwise(stride, aligned))
    assert spans[0][0] == 0
    assert spans[-1][1] in (pixels, (cells(pixels, stride, aligned) - 1) * stride + 1)
    assert all(end - start <= 128 and start % stride == 0 for start, end in spans)
    assert all(second[0] < first[1] for first, second in pairwise(spans))


@pytest.mark.parametrize(("stride", "aligned"), [(8, CORNERS), (8, CENTRES), (32, CENTRES)])
@pytest.mark.parametrize("size", [(1100, 70), (513, 33), (512, 64), (20, 20)])
def test_bands_equal_all_at_once(stride: int, aligned: str, size: tuple[int, int]) -> None:
    shape = [cells(side, stride, aligned) for side in size]
    scores = np.random.default_rng(1).normal(size=(4, *shape)).astype(np.float16)
    expected = upsample(scores, size, stride, aligned).argmax(axis=0)
    found = labels_in_bands(scores, size, stride, aligned)
    assert (found == expected).mean() > 0.9999  # but for ties of rounding


def test_a_trained_network_in_windows(trained_run: Path, photo: Callable[..., np.ndarray]) -> None:
    image = photo(150, 220)
    whole = weakseg.load(trained_run).predict(image)
    windowed = weakseg.load(trained_run, window=128).predict(image)
    assert windowed.shape == whole.shape
    assert windowed.max() <= 4  # more cannot be said: a window sees less than the network's field of view
    assert (weakseg.load(trained_run, window=400).predict(image) == whole).mean() > 0.999


def test_windows_refuse_the_crf_and_slivers(trained_run: Path) -> None:
    with pytest.raises(InputError, match="no CRF"):
        weakseg.load(trained_run, window=512, crf=True)
    with pytest.raises(InputError, match="64 pixels or more"):
        weakseg.load(trained_run, window=20)
