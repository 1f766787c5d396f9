"""Neighbours, paths and walks against a dense matrix."""

import numpy as np
import pytest

from weakseg.affinity.neighbours import neighbours, path
from weakseg.affinity.walk import walk


def dense(affinities: np.ndarray, radius: int, power: float) -> np.ndarray:
    """T with all its n² entries, cell by cell."""
    height, width = affinities.shape[1:]
    matrix = np.eye(height * width)
    for number, (dy, dx) in enumerate(neighbours(radius)):
        for y in range(height):
            for x in range(width):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    own, other = y * width + x, (y + dy) * width + x + dx
                    matrix[own, other] = matrix[other, own] = affinities[number, y, x] ** power
    found: np.ndarray = matrix / matrix.sum(axis=0)
    return found


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (9, 12)])
@pytest.mark.parametrize(("radius", "power"), [(2, 1.0), (5, 8.0), (5, 10.0)])
def test_a_walk_equals_the_dense_power(size: tuple[int, int], radius: int, power: float) -> None:
    generator = np.random.default_rng(0)
    affinities = generator.uniform(0.5, 1.0, (len(neighbours(radius)), *size))
    scores = generator.random((3, *size))
    expected = scores.reshape(3, -1) @ np.linalg.matrix_power(dense(affinities, radius, power), 256)
    found = walk(affinities.astype(np.float32), scores, radius, power)
    assert np.abs(found - expected.reshape(scores.shape)).max() < 1e-6
    one = walk(affinities, scores, radius, power, steps=1)
    assert np.allclose(one.reshape(3, -1), scores.reshape(3, -1) @ dense(affinities, radius, power))


def test_scores_do_not_cross_a_wall_and_become_equal_behind_it() -> None:
    affinities = np.ones((len(neighbours(2)), 4, 10))
    for offset, column in (((0, 1), 4), ((1, 1), 4), ((1, -1), 5)):
        affinities[neighbours(2).index(offset), :, column] = 0.0
    scores = np.zeros((1, 4, 10))
    scores[0, 0, 0] = 1.0
    found = walk(affinities, scores, 2, 10.0)[0]
    assert found[:, :5].min() > 0.01 and found[:, :5].std() < 0.02
    assert (found[:, 5:] == 0).all()


def test_the_given_scores_stay_as_they_are() -> None:
    scores = np.random.default_rng(1).random((2, 5, 6))
    before = scores.copy()
    walk(np.ones((34, 5, 6)), scores, 5, 8.0, steps=3)
    assert (scores == before).all()


def test_radius_5_has_69_entries_in_a_row() -> None:
    assert 2 * len(neighbours(5)) + 1 == 69
    assert all(dy**2 + dx**2 < 25 for dy, dx in neighbours(5))


def test_paths_are_those_of_the_paper() -> None:
    assert path((0, 3)) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert path((2, -2)) == [(0, -1), (0, 0), (1, -2), (1, -1), (1, 0), (2, -2), (2, -1)]
    assert path((1, 2)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert (0, 1) in path((2, 3)) and (0, 2) not in path((2, 3))


def test_affinities_of_another_radius_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        walk(np.ones((2, 4, 4)), np.ones((1, 4, 4)), 5, 8.0)
