"""Schedules, sampling and augmentation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from weakseg.training.augment import Crops, jitter
from weakseg.training.parameters import caffe_groups
from weakseg.training.sampling import Portion, PositionedSamples, PositionSampler
from weakseg.training.schedule import rate_factor
from weakseg.training.settings import TrainingConfig


def test_poly_by_hand() -> None:
    assert rate_factor(0, TrainingConfig(iterations=100)) == 1
    assert rate_factor(50, TrainingConfig(iterations=100)) == pytest.approx(0.5**0.9)


def test_step_and_warmup_by_hand() -> None:
    assert rate_factor(14_999, TrainingConfig(iterations=25_000, schedule="step")) == 1
    assert rate_factor(15_000, TrainingConfig(iterations=25_000, schedule="step")) == pytest.approx(0.1)
    assert rate_factor(4, TrainingConfig(iterations=100, schedule="constant", warmup=10)) == pytest.approx(
        0.5
    )


def test_biases_decay_only_where_they_are_told_to() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.BatchNorm2d(2))
    assert [(g.rate, g.decay) for g in caffe_groups(layers, 10.0)] == [(10, 1), (20, 0), (10, 0)]
    decaying = caffe_groups(layers, 10.0, bias_decay=1.0)
    assert [(g.rate, g.decay) for g in decaying] == [(10, 1), (20, 1), (10, 0)]
    assert decaying[1].parameters == [layers[0].bias]


class Numbers:
    def __len__(self) -> int:
        return 7

    def sample(self, item: int, generator: np.random.Generator) -> tuple[int, float]:  # type: ignore[override]
        return item, generator.random()


def stream(positions: list[int], seed: int = 0) -> list[tuple[int, float]]:
    samples = PositionedSamples(Numbers(), seed)  # type: ignore[arg-type]
    return [samples[position] for position in positions]  # type: ignore[misc]


def test_every_epoch_visits_every_item_once_in_its_own_order() -> None:
    items = [item for item, _ in stream(list(range(21)))]
    epochs = [items[0:7], items[7:14], items[14:21]]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@given(st.lists(st.integers(0, 60), min_size=1, max_size=10))
def test_a_sample_depends_on_its_position_alone(positions: list[int]) -> None:
    whole = stream(list(range(61)))
    assert stream(positions) == [whole[position] for position in positions]


def test_the_order_of_an_epoch_stays_what_it_was() -> None:
    """Finished networks were trained in this order."""
    expected = [*np.random.default_rng([3, 0]).permutation(7), *np.random.default_rng([3, 1]).permutation(7)]
    assert [item for item, _ in stream(list(range(14)), seed=3)] == expected


class Mixed(Numbers):
    """Items 5 and 6 are a given share of every batch."""

    def __init__(self, share: float) -> None:
        self.portions = [Portion([5, 6], share)]


def mixed(share: float, positions: range, batch: int = 8) -> list[int]:
    samples = PositionedSamples(Mixed(share), 0, batch)  # type: ignore[arg-type]
    return [samples[position][0] for position in positions]  # type: ignore[misc, index]


@pytest.mark.parametrize(("share", "counts"), [(0.25, {2}), (0.5, {4}), (0.3, {2, 3}), (0.0, {0})])
def test_a_portion_has_its_share_of_every_batch(share: float, counts: set[int]) -> None:
    items = np.array(mixed(share, range(80 * 8))).reshape(80, 8)
    found = (items >= 5).sum(axis=1)
    assert {*found.tolist()} == counts
    assert found.sum() == round(share * items.size)


def test_both_kinds_of_a_mixed_stream_come_equally_often_at_changing_places() -> None:
    items = np.array(mixed(0.5, range(40 * 8)))
    assert np.bincount(items, minlength=7).tolist() == [32] * 5 + [80] * 2
    assert len({tuple(row) for row in (items.reshape(40, 8) >= 5).tolist()}) > 20


@given(st.lists(st.integers(0, 60), min_size=1, max_size=10))
def test_a_mixed_sample_depends_on_its_position_alone(positions: list[int]) -> None:
    samples = PositionedSamples(Mixed(0.3), 0, 8)  # type: ignore[arg-type]
    whole = [samples[position] for position in range(61)]
    again = PositionedSamples(Mixed(0.3), 0, 8)  # type: ignore[arg-type]
    assert [again[position] for position in positions] == [whole[position] for position in positions]


class Thrice(Numbers):
    """Items 0 and 1, and items 5 and 6, have a given share of every batch each."""

    def __init__(self, *shares: float) -> None:
        self.portions = [Portion([0, 1], shares[0]), Portion([5, 6], shares[1])]


@pytest.mark.parametrize(
    "shares", [(0.5, 0.25), (0.25, 0.5), (0.5, 0.01), (0.37, 0.29), (0.0, 0.5), (0.5, 0.5), (1.0, 0.0)]
)
@pytest.mark.parametrize("batch", [1, 3, 8])
def test_two_portions_have_their_shares_and_the_others_the_rest(
    shares: tuple[float, float], batch: int
) -> None:
    samples = PositionedSamples(Thrice(*shares), 0, batch)  # type: ignore[arg-type]
    items = np.array([samples[position][0] for position in range(200 * batch)])  # type: ignore[misc, index]
    kinds = np.array([0, 0, 2, 2, 2, 1, 1])[items].reshape(200, batch)
    for kind, share in enumerate([*shares, 1 - sum(shares)]):
        assert abs((kinds == kind).sum() - share * items.size) <= 1
        counts = (kinds == kind).sum(axis=1)
        assert counts.max() - counts.min() <= 2
    for own in ([0, 1], [5, 6], [2, 3, 4]):
        found = [int((items == item).sum()) for item in own]
        assert max(found) - min(found) <= 1
    again = PositionedSamples(Thrice(*shares), 0, batch)  # type: ignore[arg-type]
    assert again[150 * batch][0] == items[150 * batch]  # type: ignore[misc, index]


def test_processes_share_the_positions() -> None:
    parts = [list(PositionSampler(8, 40, rank, 2)) for rank in (0, 1)]
    assert sorted(parts[0] + parts[1]) == list(range(8, 40))


def augment(seed: int, **changes: object) -> tuple[np.ndarray, np.ndarray | None]:
    training = TrainingConfig(**{"crop": 32, "scales": (0.5, 1.5)} | changes)  # type: ignore[arg-type]
    image = np.zeros((40, 60, 3), np.uint8)
    labels = np.zeros((40, 60), np.uint8)
    image[10:30, 15:45], labels[10:30, 15:45] = 255, 1
    return Crops(training, (9, 8, 7))(np.random.default_rng(seed), image, labels)


@pytest.mark.parametrize("seed", range(12))
def test_image_and_labels_move_together(seed: int) -> None:
    image, labels = augment(seed)
    assert labels is not None
    assert image.shape == (32, 32, 3)
    assert labels.shape == (32, 32)
    bright = image[..., 0] > 127
    scored = labels != 255
    assert (bright[scored] == (labels[scored] == 1)).mean() > 0.95  # but for interpolated edges
    assert (image[~scored] == (9, 8, 7)).all()


def test_small_images_are_padded_wherever_the_crop_is_larger() -> None:
    image, labels = augment(0, scales=(0.5, 0.5))
    assert labels is not None
    assert (labels != 255).sum() == 20 * 30
    assert image.shape == (32, 32, 3)


def test_resize_brings_the_longest_side_to_size() -> None:
    _, labels = augment(0, resize=30, scales=(1.0, 1.0))
    assert labels is not None
    assert (labels != 255).sum() == 30 * 20


def test_jitter_is_brightness_then_contrast_then_saturation() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    differences = []
    for seed in range(8):
        brightness, contrast, saturation = np.random.default_rng(seed).uniform(0.6, 1.4, 3)
        values = image * brightness
        values = values.mean() + (values - values.mean()) * contrast
        grey = values.mean(axis=2, keepdims=True)
        wanted = np.clip(grey + (values - grey) * saturation, 0, 255)
        differences.append(jitter(np.random.default_rng(seed), image, 0.4) - wanted)
    assert np.abs(differences).max() <= 1.0
    assert abs(np.mean(differences)) < 0.05  # rounded, not cut off


def test_jitter_changes_the_image_not_the_labels() -> None:
    plain, labels = augment(4)
    changed, same = augment(4, color_jitter=0.4)
    assert labels is not None
    assert same is not None
    assert np.array_equal(labels, same)
    assert not np.array_equal(plain, changed)
