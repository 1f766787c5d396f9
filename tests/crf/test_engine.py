"""The CRF engines against mean field written out in full, pixel against pixel, and against pydensecrf."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from weakseg.crf.engine import ENGINES, dense_crf
from weakseg.crf.lattice import Lattice
from weakseg.crf.lattice_torch import TorchLattice
from weakseg.crf.settings import OF_A_PRESET, PRESETS, CrfConfig
from weakseg.devices import may_have_gpu
from weakseg.errors import InputError


def custom(*values: float, engine: str) -> CrfConfig:
    """The six numbers of a preset."""
    return CrfConfig(preset="custom", engine=engine, **dict(zip(OF_A_PRESET, values, strict=True)))  # type: ignore[arg-type]


def exact_mean_field(image: np.ndarray, probabilities: np.ndarray, p: CrfConfig) -> np.ndarray:
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


def scene(height: int, width: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture of ellipses, and probabilities that know roughly where each of them is."""
    random = np.random.default_rng(height)
    rows, columns = np.mgrid[:height, :width]
    image = np.full((height, width, 3), 70.0)
    probabilities = random.uniform(0.2, 0.8, (labels, height, width))
    for label in range(1, labels):
        y, x = height * random.uniform(0.3, 0.7), width * label / labels
        ellipse = ((rows - y) / (0.3 * height)) ** 2 + ((columns - x) / (0.2 * width)) ** 2 < 1
        image[ellipse] = random.uniform(0, 255, 3)
        probabilities[label, ellipse & (rows < y)] += 1.0
    image = np.clip(image + random.normal(0, 6, image.shape), 0, 255)
    return image.astype(np.uint8), (probabilities / probabilities.sum(0)).astype(np.float32)


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_agree_with_exact_mean_field(engine: str) -> None:
    image, probabilities = scene(20, 24, 3)
    parameters = custom(3, 3, 30, 13, 4, 5, engine=engine)
    ours = dense_crf(image, probabilities, parameters)
    exact = exact_mean_field(image, probabilities, parameters)
    # The permutohedral lattice approximates the kernels: labels agree, probabilities nearly do.
    assert (ours.argmax(0) == exact.argmax(0)).mean() > 0.97
    np.testing.assert_allclose(ours.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_engines_give_what_pydensecrf_gives(engine: str, preset: str) -> None:
    for labels in (2, 3, 5):
        image, probabilities = scene(61, 83, labels)
        ours, theirs = (
            dense_crf(image, probabilities, CrfConfig(preset=preset, engine=name))
            for name in (engine, "pydensecrf")
        )
        assert ours.dtype == np.float32
        assert (ours.argmax(0) == theirs.argmax(0)).mean() >= 0.999
        assert np.abs(ours - theirs).mean() < 1e-4


def test_both_lattices_are_the_same() -> None:
    random = np.random.default_rng(0)
    features = (random.random((5, 2000)) * np.array([[10], [8], [30], [30], [30]])).astype(np.float32)
    values = random.random((2, 2000)).astype(np.float32)
    compiled, tensors = Lattice(features), TorchLattice(torch.from_numpy(features))
    assert len(compiled) == len(tensors) > 2000
    np.testing.assert_allclose(compiled(values), tensors(torch.from_numpy(values)).numpy(), atol=1e-5)


def test_features_that_span_too_much_are_refused() -> None:
    features = np.array([[0, 1e6]] * 5, np.float32)
    with pytest.raises(ValueError, match="lattice points"):
        Lattice(features)


@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_deviations_too_small_for_an_image_are_one_sentence(engine: str) -> None:
    parameters = custom(3, 3, 0.01, 0.01, 3, 1, engine=engine)
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"bilateral_srgb 0\.01 are too small for an image of 60×40 pixels"):
        dense_crf(image, np.full((2, 40, 60), 0.5, np.float32), parameters)


@pytest.mark.parametrize("engine", ["numba", "torch", "pydensecrf"])
def test_an_image_that_may_not_be_written_to(engine: str) -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image.flags.writeable = False  # as the inspector keeps them
    found = dense_crf(image, np.full((2, 4, 5), 0.5, np.float32), CrfConfig(engine=engine))
    assert found.shape == (2, 4, 5)


@pytest.mark.parametrize("deviation", [0.01, 1000.0])
@pytest.mark.parametrize("weight", [0.0, 1000.0])
@pytest.mark.parametrize("iterations", [1, 100])
def test_at_the_bounds_of_the_configuration_numbers_stay_finite(
    deviation: float, weight: float, iterations: int
) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    probabilities = random.dirichlet(np.ones(3), (12, 16)).transpose(2, 0, 1).astype(np.float32)
    parameters = custom(deviation, weight, deviation, 1000.0, weight, iterations, engine="numba")
    found = dense_crf(image, probabilities, parameters)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-4)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        dense_crf(np.zeros((4, 5, 3), np.uint8), np.full((2, 5, 4), 0.5), CrfConfig())


def test_one_label_needs_no_inference() -> None:
    result = dense_crf(np.zeros((4, 5, 3), np.uint8), np.ones((1, 4, 5)), CrfConfig())
    assert (result == 1).all()


def test_config_offers_exactly_these_presets() -> None:
    offered = get_args(CrfConfig.model_fields["preset"].annotation)
    assert set(offered) == {*PRESETS, "custom"}


def test_without_pydensecrf_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    image, probabilities = scene(8, 8, 2)
    with pytest.raises(InputError, match=r"pip install -e '\.\[pydensecrf\]' in weakseg's checkout"):
        dense_crf(image, probabilities, custom(3, 3, 30, 13, 4, 5, engine="pydensecrf"))


def test_a_machine_without_a_gpu_refines_labels_without_torch() -> None:
    """An import of torch takes as long as the CRF of a hundred small images."""
    code = """
import sys, numpy, weakseg.devices
weakseg.devices.may_have_gpu = lambda: False
from weakseg.crf.engine import dense_crf
from weakseg.crf.settings import CrfConfig
dense_crf(numpy.zeros((4, 5, 3), numpy.uint8), numpy.full((2, 4, 5), 0.5, numpy.float32), CrfConfig())
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_gpu_is_found_by_its_drivers_device(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()  # the driver's, also where it finds no card
    assert not may_have_gpu(tmp_path)
    (tmp_path / "nvidia7").touch()  # as in a container that was given one of several
    assert may_have_gpu(tmp_path)
