"""The one-pass threshold sweep against labelling and counting again at every threshold."""

import cv2
import numpy as np
import pytest

from weakseg.evaluation.confusion import ConfusionMatrix, mean_defined
from weakseg.evaluation.curve import THRESHOLDS, ThresholdSweep, strongest

CLASSES = ("cat", "dog", "horse")
Sample = tuple[np.ndarray, dict[int, np.ndarray]]


def samples(seed: int, count: int = 5) -> list[Sample]:
    """Masks and maps; some strengths lie exactly on thresholds, the last image has no maps at all."""
    generator = np.random.default_rng(seed)
    made: list[Sample] = []
    for number in range(count):
        truth = generator.integers(0, 4, (20 + number, 31)).astype(np.uint8)
        truth[generator.random(truth.shape) < 0.1] = 255
        present = generator.permutation(3)[: 1 + number % 3] + 1
        maps = {int(index): generator.random((6, 7)).astype(np.float32) for index in present}
        if number == 0:
            maps[1] = np.rint(generator.random(truth.shape) * 100).astype(np.float32) / np.float32(100)
        made.append((truth, {} if number == count - 1 else maps))
    return made


def label(maps: dict[int, np.ndarray], shape: tuple[int, ...], threshold: np.float32) -> np.ndarray:
    """The definition, written out: argmax over present classes, background where the maximum is too low."""
    if not maps:
        return np.zeros(shape, np.uint8)
    indices = sorted(maps)
    stack = np.stack(
        [cv2.resize(maps[index], shape[::-1], interpolation=cv2.INTER_LINEAR) for index in indices]
    )
    labels = np.array(indices, np.uint8)[stack.argmax(axis=0)]
    labels[stack.max(axis=0) < threshold] = 0
    return labels


@pytest.mark.parametrize("place", [0, 1, 7, 29, 50, 58, 99, 100])
def test_equals_brute_force(place: int) -> None:
    data = samples(seed=0)
    sweep, direct = ThresholdSweep(CLASSES), ConfusionMatrix(CLASSES)
    for truth, maps in data:
        sweep.update(truth, maps)
        direct.update(truth, label(maps, truth.shape, THRESHOLDS[place]))
    curve = sweep.curve()
    assert sweep.counts()[place].tolist() == direct.counts.tolist()
    assert curve.miou[place] == pytest.approx(direct.miou)
    assert curve.accuracy[place] == pytest.approx(direct.pixel_accuracy)
    assert curve.iou[place].tolist() == direct.iou().tolist()


def test_precision_recall_and_best_by_hand() -> None:
    sweep = ThresholdSweep(("cat",))
    truth = np.array([[1, 1, 0, 0]], np.uint8)
    sweep.update(truth, {1: np.array([[0.9, 0.5, 0.5, 0.1]], np.float32)})
    curve = sweep.curve()
    assert (curve.precision[0], curve.recall[0]) == (2 / 4, 1.0)  # everything is cat
    assert (curve.precision[50], curve.recall[50]) == (2 / 3, 1.0)
    assert (curve.precision[51], curve.recall[51]) == (1.0, 1 / 2)
    assert np.isnan(curve.precision[91]), "no cat is predicted, so precision is undefined"
    assert curve.recall[91] == 0.0
    # [11, 50]: cat 2/3, background 1/2; [51, 90]: cat 1/2, background 2/3: a tie, the lowest threshold wins
    assert curve.best == 11
    assert curve.miou[curve.best] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_at_threshold_zero_everything_is_foreground() -> None:
    sweep = ThresholdSweep(CLASSES)
    sweep.update(np.zeros((4, 4), np.uint8), {2: np.zeros((2, 2), np.float32)})
    assert sweep.counts()[0, 0].tolist() == [0, 0, 16, 0]
    assert sweep.counts()[1, 0].tolist() == [16, 0, 0, 0]


def test_nothing_scored_gives_an_undefined_curve() -> None:
    curve = ThresholdSweep(CLASSES).curve()
    assert np.isnan(curve.miou).all()
    assert curve.best == 0


def test_equal_strengths_go_to_the_first_class() -> None:
    maps = {3: np.full((2, 2), 0.5, np.float32), 1: np.full((2, 2), 0.5, np.float32)}
    winner, strength = strongest(maps, (4, 6))
    assert winner.tolist() == np.ones((4, 6)).tolist()
    assert strength.max() == strength.min() == np.float32(0.5)


def test_mean_ignores_only_what_is_undefined() -> None:
    assert mean_defined(np.array([0.0, 1.0, np.nan])) == 0.5
    assert np.isnan(mean_defined(np.array([np.nan])))
