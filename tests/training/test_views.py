"""What a training view shows: the whole image where that is asked for, and turned hues."""

import cv2
import numpy as np
import pytest

from weakseg.training.augment import Crops, turn_hue
from weakseg.training.settings import TrainingConfig

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("resize", [None, 80, 400])
@pytest.mark.parametrize("shape", [(120, 160), (300, 31), (20, 24)])
def test_whole_images_fit_into_the_crop(shape: tuple[int, int], resize: int | None) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    augmentation = Crops(TrainingConfig(crop=96, scales=(0.5, 1.5), resize=resize), (0, 0, 0), whole=True)
    plain = Crops(TrainingConfig(crop=96, scales=(0.5, 1.5), resize=resize), (0, 0, 0))
    for seed in range(20):
        view = augmentation.view(np.random.default_rng(seed), image)
        left, top, right, bottom, _ = view.shares(96)
        assert max(left, top) <= 0
        assert min(right, bottom) >= 1
        asked = plain.view(np.random.default_rng(seed), image).size
        assert view.size == asked or max(view.size) == 96  # no smaller than it must be


def test_hue_is_turned_and_nothing_else() -> None:
    before = cv2.cvtColor(IMAGE, cv2.COLOR_RGB2HSV_FULL).astype(int)
    after = cv2.cvtColor(turn_hue(IMAGE, 0.25), cv2.COLOR_RGB2HSV_FULL).astype(int)
    vivid = (before[..., 1] > 60) & (before[..., 2] > 60)
    turned = (after[..., 0] - before[..., 0]) % 256
    assert np.abs(turned[vivid] - 64).max() <= 4
    assert np.abs(after[..., 2] - before[..., 2]).max() <= 2
    red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
    assert turn_hue(red, 1 / 3)[0, 0].tolist() == pytest.approx([0, 200, 0], abs=5)
    assert turn_hue(red, -1 / 3)[0, 0].tolist() == pytest.approx([0, 0, 200], abs=5)


def test_views_without_hue_draw_the_same_numbers_as_before() -> None:
    """One draw more would move every crop and jitter that follows."""
    generator, other = np.random.default_rng(3), np.random.default_rng(3)
    augmentation = Crops(TrainingConfig(crop=96, scales=(0.5, 1.5), color_jitter=0.2), (0, 0, 0))
    augmentation(generator, IMAGE)
    view = augmentation.view(other, IMAGE)
    other.uniform(0.8, 1.2, 3)
    assert view.size
    assert generator.random() == other.random()
    turning = Crops(TrainingConfig(crop=96, scales=(0.5, 1.5), hue_jitter=0.1), (0, 0, 0))
    assert not np.array_equal(
        turning(np.random.default_rng(3), IMAGE)[0],
        Crops(TrainingConfig(crop=96, scales=(0.5, 1.5)), (0, 0, 0))(np.random.default_rng(3), IMAGE)[0],
    )
