"""The confusion matrix against torchmetrics and against counts made by hand."""

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from weakseg.evaluation.confusion import ConfusionMatrix

CLASSES = ("cat", "cow", "dog", "horse", "sheep")
SIZE = len(CLASSES) + 1


def random_maps(seed: int, undecided: float, count: int = 4) -> list[tuple[np.ndarray, np.ndarray]]:
    """(truth, labels) pairs of several sizes; the last class never occurs."""
    generator = np.random.default_rng(seed)
    pairs = []
    for number in range(count):
        shape = (17 + number, 23)
        truth = generator.integers(0, SIZE - 1, shape).astype(np.uint8)
        labels = np.where(generator.random(shape) < 0.6, truth, generator.integers(0, SIZE - 1, shape))
        truth[generator.random(shape) < 0.1] = 255
        labels = labels.astype(np.uint8)
        labels[generator.random(shape) < undecided] = 255
        pairs.append((truth, labels))
    return pairs


def accumulate(pairs: list[tuple[np.ndarray, np.ndarray]]) -> ConfusionMatrix:
    matrix = ConfusionMatrix(CLASSES)
    for truth, labels in pairs:
        matrix.update(truth, labels)
    return matrix


def flat(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
    truth, labels = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    return torch.from_numpy(truth).long(), torch.from_numpy(labels).long()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_torchmetrics_without_undecided_pixels(seed: int) -> None:
    pairs = random_maps(seed, undecided=0.0)
    truth, labels = flat(pairs)
    matrix = accumulate(pairs)
    per_class = MulticlassJaccardIndex(SIZE, average="none", ignore_index=255)(labels, truth)
    mean = MulticlassJaccardIndex(SIZE, average="macro", ignore_index=255)(labels, truth)
    accuracy = MulticlassAccuracy(SIZE, average="micro", ignore_index=255)(labels, truth)
    assert matrix.iou()[:-1] == pytest.approx(per_class[:-1].numpy(), abs=1e-6)
    assert np.isnan(matrix.iou()[-1])  # the class that occurs nowhere; torchmetrics says 0 and leaves it out
    assert matrix.miou == pytest.approx(float(mean), abs=1e-6)
    assert matrix.miou == matrix.miou_undecided_wrong == matrix.miou_undecided_background
    assert matrix.pixel_accuracy == pytest.approx(float(accuracy), abs=1e-6)
    assert matrix.undecided_share == 0.0


@pytest.mark.parametrize("seed", [3, 4])
def test_all_ways_to_score_undecided_pixels_equal_torchmetrics(seed: int) -> None:
    pairs = random_maps(seed, undecided=0.3)
    truth, labels = flat(pairs)
    matrix = accumulate(pairs)
    decided = labels != 255
    left_out = MulticlassJaccardIndex(SIZE, average="macro", ignore_index=255)
    assert matrix.miou == pytest.approx(float(left_out(labels[decided], truth[decided])), abs=1e-6)
    # an extra class of its own that the truth never has: a miss, belonging to no class that is averaged
    extra = MulticlassJaccardIndex(SIZE + 1, average="none", ignore_index=255)
    wrong = extra(torch.where(decided, labels, SIZE), truth)[: SIZE - 1]
    assert matrix.miou_undecided_wrong == pytest.approx(float(wrong.mean()), abs=1e-6)
    background = left_out(torch.where(decided, labels, 0), truth)  # as IRNet's evaluation maps 255 to 0
    assert matrix.miou_undecided_background == pytest.approx(float(background), abs=1e-6)
    scored = truth != 255
    assert matrix.undecided_share == pytest.approx(float((~decided)[scored].float().mean()), abs=1e-6)


def test_counts_made_by_hand() -> None:
    matrix = ConfusionMatrix(("cat", "dog"))
    truth = np.array([[0, 0, 1, 1], [1, 2, 255, 255]], np.uint8)
    labels = np.array([[0, 1, 1, 255], [255, 2, 1, 255]], np.uint8)
    matrix.update(truth, labels)
    assert matrix.counts.dtype == np.int64
    assert matrix.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert matrix.undecided.tolist() == [0, 2, 0]
    assert matrix.iou().tolist() == [1 / 2, 1 / 2, 1.0]
    assert matrix.iou(undecided="wrong").tolist() == [1 / 2, 1 / 4, 1.0]
    assert matrix.miou == pytest.approx(2 / 3)
    assert matrix.miou_undecided_wrong == pytest.approx(1.75 / 3)
    assert matrix.iou(undecided="background").tolist() == [
        1 / 4,
        1 / 4,
        1.0,
    ]  # two cat pixels become background
    assert matrix.miou_undecided_background == pytest.approx(1.5 / 3)
    assert matrix.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]], "counting changes nothing"
    assert matrix.true_classes == 2
    assert matrix.pixel_accuracy == pytest.approx(3 / 4)
    assert matrix.undecided_share == pytest.approx(2 / 6)


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    matrix = ConfusionMatrix(("cat", "dog"))
    matrix.update(np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 2]], np.uint8))
    assert matrix.miou == pytest.approx((3 / 4 + 0) / 2)


def test_nothing_scored_is_undefined_not_zero() -> None:
    matrix = ConfusionMatrix(("cat",))
    matrix.update(np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8))
    scores = [matrix.miou, matrix.miou_undecided_wrong, matrix.pixel_accuracy, matrix.undecided_share]
    assert np.isnan(scores).all()


def test_everything_undecided_is_undefined_or_wrong() -> None:
    matrix = ConfusionMatrix(("cat",))
    matrix.update(np.ones((3, 3), np.uint8), np.full((3, 3), 255, np.uint8))
    assert np.isnan(matrix.miou)
    assert matrix.miou_undecided_wrong == 0.0
    assert matrix.undecided_share == 1.0


def test_254_classes_fit() -> None:
    matrix = ConfusionMatrix([f"class {number}" for number in range(1, 255)])
    truth = np.arange(256, dtype=np.uint8).reshape(16, 16)
    matrix.update(truth, truth)
    assert matrix.miou == 1.0
    assert matrix.counts.sum() == 255


@pytest.mark.parametrize(
    ("truth", "labels", "words"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((2, 2), np.uint8), "2×2 pixels, the mask 3×2"),
        (np.zeros((2, 2), np.uint8), np.full((2, 2), 3, np.uint8), "it holds the index 3"),
        (np.full((2, 2), 7, np.uint8), np.zeros((2, 2), np.uint8), "the mask holds the index 7"),
    ],
)
def test_wrong_maps_are_refused_and_not_counted(truth: np.ndarray, labels: np.ndarray, words: str) -> None:
    matrix = ConfusionMatrix(("cat", "dog"))
    with pytest.raises(ValueError, match=words):
        matrix.update(truth, labels)
    assert matrix.counts.sum() == 0
