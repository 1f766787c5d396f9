"""The CRF against mean field written out in full, pixel against pixel."""

from typing import get_args

import numpy as np
import pytest

from weakseg.config import CrfConfig
from weakseg.crf import PRESETS, CrfParameters, dense_crf


def exact_mean_field(image: np.ndarray, probabilities: np.ndarray, p: CrfParameters) -> np.ndarray:
    """Equation 3 and algorithm 1 of Krähenbühl and Koltun (2011) with dense N×N kernels, normalised symmetrically."""
    labels, height, width = probabilities.shape
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    place = np.stack([columns, rows], 1).astype(float)
    colour = image.reshape(-1, 3).astype(float)

    def kernel(features: np.ndarray) -> np.ndarray:
        distance = ((features[:, None] - features[None]) ** 2).sum(2)
        values = np.exp(-distance / 2)
        norm = 1 / np.sqrt(values.sum(1) + 1e-20)
        return np.asarray(norm[:, None] * values * norm[None])

    smooth = kernel(place / p.gaussian_sxy)
    appearance = kernel(np.hstack([place / p.bilateral_sxy, colour / p.bilateral_srgb]))
    energy = -np.log(probabilities.reshape(labels, -1))
    q = np.exp(-energy) / np.exp(-energy).sum(0)
    for _ in range(p.iterations):
        message = p.gaussian_weight * q @ smooth + p.bilateral_weight * q @ appearance
        q = np.exp(-energy + message - (-energy + message).max(0))
        q /= q.sum(0)
    return np.asarray(q.reshape(labels, height, width))


def test_labels_agree_with_exact_mean_field() -> None:
    random = np.random.default_rng(0)
    image = np.full((20, 24, 3), 60, np.uint8)
    image[5:15, 6:18] = 190
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    probabilities = random.uniform(0.2, 0.8, (3, 20, 24))
    probabilities[1, 7:13, 8:16] += 1.0
    probabilities /= probabilities.sum(0)
    parameters = CrfParameters(3, 3, 30, 13, 4, 5)
    ours = dense_crf(image, probabilities, parameters)
    exact = exact_mean_field(image, probabilities, parameters)
    # The permutohedral lattice approximates the kernels: labels agree, probabilities nearly do.
    assert (ours.argmax(0) == exact.argmax(0)).mean() > 0.97
    np.testing.assert_allclose(ours.sum(0), 1, atol=1e-5)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        dense_crf(np.zeros((4, 5, 3), np.uint8), np.full((2, 5, 4), 0.5), PRESETS["irn"])


def test_one_label_needs_no_inference() -> None:
    result = dense_crf(np.zeros((4, 5, 3), np.uint8), np.ones((1, 4, 5)), PRESETS["irn"])
    assert (result == 1).all()


def test_config_offers_exactly_these_presets() -> None:
    offered = get_args(CrfConfig.model_fields["preset"].annotation)
    assert set(offered) == {*PRESETS, "custom"}
