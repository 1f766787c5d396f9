"""Fusing and refining one image."""

import numpy as np
import pytest

from weakseg.crf.settings import CrfConfig
from weakseg.proxy.rules import RULES
from weakseg.proxy.rules.threshold import ThresholdRule
from weakseg.proxy.settings import RefineConfig
from weakseg.proxy.stages import fuse, label_probabilities, refine


def square(size: int = 40) -> np.ndarray:
    """A bright square on a dark ground."""
    image = np.full((size, size, 3), 40, np.uint8)
    image[10:30, 10:30] = (220, 180, 60)
    return image


def test_fuse_keeps_class_order_and_image_size() -> None:
    saliency = np.ones((5, 5), np.float32)
    attention = {"dog": np.full((2, 2), 0.8, np.float32), "cat": np.full((2, 2), 0.3, np.float32)}
    labels = fuse((24, 30), saliency, attention, ["cat", "cow", "dog"], ThresholdRule(rescue=0.9))
    assert labels.shape == (24, 30)
    assert set(np.unique(labels)) == {3}


@pytest.mark.parametrize("rule", [*RULES])
@pytest.mark.parametrize("saliency", [0.0, 0.3, 1.0])
def test_an_image_without_a_class_is_background_whatever_stands_out(rule: str, saliency: float) -> None:
    labels = fuse((24, 30), np.full((5, 5), saliency, np.float32), {}, ["cat"], RULES[rule]())
    assert (labels.shape, labels.dtype, labels.max()) == ((24, 30), np.uint8, 0)
    image = np.zeros((24, 30, 3), np.uint8)
    assert refine(image, labels, [], RefineConfig(confidence=0.99)).max() == 0


def test_label_probabilities_by_hand() -> None:
    labels = np.array([[0, 7, 255]], np.uint8)
    probabilities = label_probabilities(labels, np.array([0, 3, 7], np.uint8), 0.7)
    np.testing.assert_allclose(
        probabilities[:, 0].T, [[0.7, 0.15, 0.15], [0.15, 0.15, 0.7], [1 / 3] * 3], atol=1e-6
    )


def test_refine_snaps_to_the_edge_and_fills_undecided() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[12:28, 12:28] = 4  # two pixels short on every side
    labels[18:22, 18:22] = 255
    refined = refine(square(), labels, [4], RefineConfig())
    truth = np.zeros((40, 40), np.uint8)
    truth[10:30, 10:30] = 4
    assert (refined == truth).mean() > 0.99


def test_refine_may_leave_what_was_undecided() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[12:28, 12:28] = 4
    labels[18:22, 18:22] = 255
    kept = refine(square(), labels, [4], RefineConfig(undecided="keep"))
    resolved = refine(square(), labels, [4], RefineConfig(undecided="resolve"))
    assert np.array_equal(kept == 255, labels == 255)
    assert np.array_equal(kept[kept != 255], resolved[kept != 255])


def test_refine_keeps_unsure_pixels_undecided() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[15:25, 15:25] = 4
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    weak = RefineConfig(crf=CrfConfig(preset="oaa"), label_confidence=0.6)
    sure = refine(noise, labels, [4], weak)
    asked = refine(noise, labels, [4], weak.model_copy(update={"confidence": 0.95}))
    assert (sure != 255).all()
    assert (asked == 255).any()
    assert (asked[asked != 255] == sure[asked != 255]).all()


def test_refine_leaves_images_without_classes_and_undecided_ones_alone() -> None:
    for labels, present in ((np.zeros((40, 40), np.uint8), []), (np.full((40, 40), 255, np.uint8), [2])):
        refined = refine(square(), labels, present, RefineConfig(confidence=0.5, undecided="keep"))
        assert np.array_equal(refined, labels)
