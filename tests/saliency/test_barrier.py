"""Minimum barrier saliency: by hand, and against a constant map on the demo's images."""

import numpy as np
import pytest

from weakseg.dataset.sources.demo import draw
from weakseg.saliency.methods.unsupervised import barrier_distance, barrier_saliency, border_contrast


def test_barrier_distance_by_hand() -> None:
    channel = np.zeros((5, 6), np.float32)
    channel[1:4, 1:5] = 7
    channel[2, 2] = 10
    expected = np.zeros((5, 6), np.float32)
    expected[1:4, 1:5] = 7
    expected[2, 2] = 10
    assert np.array_equal(barrier_distance(channel), expected)


def test_a_way_around_is_no_barrier() -> None:
    channel = np.full((7, 7), 9, np.float32)
    channel[1:, 3] = 2  # a corridor from the lower border, of another grey than the rest
    distance = barrier_distance(channel)
    assert distance.max() == 0
    channel[6, 3] = 9  # closed
    assert barrier_distance(channel)[3, 3] == 7


def test_distance_is_never_less_than_the_true_one() -> None:
    """The fast transform only overestimates (section 3.3): its paths exist. Against all paths of a small image."""
    channel = np.random.default_rng(0).integers(0, 9, (5, 5)).astype(np.float32)
    fast = barrier_distance(channel)
    exact = np.full((5, 5), np.inf)
    for low in range(9):
        for high in range(low, 9):
            inside = (channel >= low) & (channel <= high)
            reached = inside.copy()
            reached[1:-1, 1:-1] = False
            for _ in range(25):
                grown = reached.copy()
                grown[1:] |= reached[:-1]
                grown[:-1] |= reached[1:]
                grown[:, 1:] |= reached[:, :-1]
                grown[:, :-1] |= reached[:, 1:]
                reached = grown & inside
            exact[reached] = np.minimum(exact[reached], high - low)
    assert (fast >= exact).all()
    assert (fast == exact).mean() > 0.8


def test_colour_unlike_the_borders_stands_out() -> None:
    lab = np.full((40, 40, 3), 100, np.float32)
    lab[15:25, 15:25, 1] = 160
    contrast = border_contrast(lab)
    assert contrast[20, 20] == 1
    assert contrast[2, 2] == 0


@pytest.mark.parametrize("shape", [(20, 30), (1, 1), (2, 900), (64, 65)])
@pytest.mark.parametrize("flat", [True, False])
def test_range_at_any_size(shape: tuple[int, int], flat: bool) -> None:
    rng = np.random.default_rng(0)
    image = np.full((*shape, 3), 80, np.uint8) if flat else rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    values = barrier_saliency(image)
    assert values.dtype == np.float32
    assert max(values.shape) <= 300
    assert 0 <= values.min() <= values.max() <= 1


def best_f(values: np.ndarray, truth: np.ndarray) -> float:
    """F (β² = 0.3) at the best of 51 thresholds."""
    scores = []
    for threshold in np.linspace(0, 1, 51):
        found = values >= threshold
        right = float((found & truth).sum())
        scores.append(1.3 * right / max(1.0, 0.3 * truth.sum() + found.sum()))
    return max(scores)


def test_beats_a_constant_map_on_the_demo() -> None:
    found, constant, error, best_error = [], [], [], []
    for number in range(12):
        image, mask = draw(0, "saliency", number, 64)
        truth = mask == 1
        values = barrier_saliency(image)
        found.append(best_f(values, truth))
        constant.append(best_f(np.full(truth.shape, 0.5), truth))
        error.append(np.abs(values - truth).mean())
        best_error.append(min(truth.mean(), 1 - truth.mean()))  # of black or white, whichever suits the image
    assert np.mean(found) > np.mean(constant) + 0.3
    assert np.mean(error) < np.mean(best_error)
