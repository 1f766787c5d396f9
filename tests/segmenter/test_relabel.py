"""The labels of the next round: only the image's own classes, at the image's size."""

import numpy as np

from weakseg.crf.settings import CrfConfig
from weakseg.segmenter.relabel import relabel

IMAGE = np.full((17, 25, 3), 90, np.uint8)
SCORES = np.full((4, 3, 4), -5.0, np.float16)
SCORES[0], SCORES[1, :, 2:], SCORES[3, :, 1] = -2.0, -1.0, -0.1


def of(present: list[int], confidence: float = 0.0) -> np.ndarray:
    return relabel(IMAGE, SCORES, present, stride=8, crf=None, confidence=confidence)


def test_nothing_is_labelled_that_the_image_does_not_name() -> None:
    assert set(np.unique(of([1, 2, 3]))) == {0, 1, 3}
    assert set(np.unique(of([1]))) == {0, 1}
    assert set(np.unique(of([2]))) == {0}
    assert (of([]) == 0).all()


def test_size_type_and_place() -> None:
    labels = of([1])
    assert (labels.dtype, labels.shape) == (np.uint8, (17, 25))
    assert (labels[:, 17:] == 1).all()
    assert (labels[:, :9] == 0).all()


def test_doubt_is_left_undecided() -> None:
    sure = np.exp(-1) / (np.exp(-1) + np.exp(-2))  # of class 1 against background
    assert 255 not in of([1], confidence=0.5)
    assert (of([1], confidence=sure - 0.01)[:, 17:] == 1).all()
    assert (of([1], confidence=sure + 0.01)[:, 17:] == 255).all()


def test_the_crf_refines() -> None:
    """Labels move to the edge in the image."""
    image = IMAGE.copy()
    image[:, 14:] = 200
    plain, refined = (
        relabel(image, SCORES, [1], stride=8, crf=crf, confidence=0.0)
        for crf in (None, CrfConfig(preset="psa"))
    )
    truth = (np.arange(25) >= 14).astype(np.uint8) * np.ones((17, 1), np.uint8)
    assert (plain != truth).any()
    np.testing.assert_array_equal(refined, truth)
