"""Dense CRF inference: one function, three engines with the same result."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from weakseg.crf.mean_field import Filter, mean_field
from weakseg.crf.settings import CrfConfig
from weakseg.errors import InputError

LEAST_PROBABILITY = 1e-5  # keeps the energy −log p finite
SHAPES = 8  # spatial kernels that are cached, one per image shape


def dense_crf(image: np.ndarray, probabilities: np.ndarray, crf: CrfConfig) -> np.ndarray:
    """Refine class probabilities by the image's edges.

    Args:
        image: RGB `uint8` H×W×3.
        probabilities: M×H×W, summing to one over M.
        crf: kernels, iterations and engine; callers have applied its `longest`.

    Returns:
        M×H×W float32 probabilities.

    Raises:
        ValueError: the shapes do not agree.
        InputError: the engine is pydensecrf, which is not installed, or the deviations are too small for the image.
    """
    labels, height, width = probabilities.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"image {image.dtype} {image.shape} does not fit probabilities {probabilities.shape}"
        )
    if labels == 1:
        return np.ones_like(probabilities, dtype=np.float32)
    energy = np.clip(probabilities, LEAST_PROBABILITY, 1.0).reshape(labels, -1)
    np.log(energy, out=energy)
    np.negative(energy, out=energy)
    infer = ENGINES[_fastest() if crf.engine == "auto" else crf.engine]
    refined = infer(np.ascontiguousarray(image), np.ascontiguousarray(energy, np.float32), crf)
    return refined.reshape(labels, height, width)


def _places(height: int, width: int, deviation: float) -> np.ndarray:
    """Column and row of every pixel, 2×N, divided by the deviation."""
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    return (np.stack([columns, rows]) / deviation).astype(np.float32)


def _appearance(image: np.ndarray, crf: CrfConfig) -> np.ndarray:
    """Position and colour of every pixel, 5×N, divided by their deviations."""
    colours = image.reshape(-1, 3).T / np.float32(crf.bilateral_srgb)
    return np.concatenate(
        [_places(image.shape[0], image.shape[1], crf.bilateral_sxy), colours.astype(np.float32)]
    )


def _kernels(
    lattice: Callable[[np.ndarray], Filter], image: np.ndarray, crf: CrfConfig
) -> list[tuple[float, Filter]]:
    """(weight, filter) of the smoothness and the appearance kernel."""
    height, width = image.shape[:2]
    try:
        smooth = _smoothness(lattice, height, width, crf.gaussian_sxy)
        appearance = lattice(_appearance(image, crf))
    except ValueError as error:
        raise InputError(
            f"the CRF's bilateral_sxy {crf.bilateral_sxy:g} and bilateral_srgb {crf.bilateral_srgb:g} "
            f"are too small for an image of {width}×{height} pixels ({error}); larger ones were expected: raise them."
        ) from None
    return [(crf.gaussian_weight, smooth), (crf.bilateral_weight, appearance)]


@lru_cache(SHAPES)
def _smoothness(lattice: Callable[[np.ndarray], Filter], height: int, width: int, deviation: float) -> Filter:
    return lattice(_places(height, width, deviation))


def _by_numba(image: np.ndarray, energy: np.ndarray, crf: CrfConfig) -> np.ndarray:
    from weakseg.crf.lattice import Lattice

    found: np.ndarray = mean_field(np, energy, _kernels(Lattice, image, crf), crf.iterations)
    return found


def _by_torch(image: np.ndarray, energy: np.ndarray, crf: CrfConfig) -> np.ndarray:
    import torch

    kernels = _kernels(_on_device, image, crf)
    found = mean_field(torch, torch.from_numpy(energy).to(_device()), kernels, crf.iterations)
    return np.asarray(found.cpu().numpy())


def _on_device(features: np.ndarray) -> Filter:
    import torch

    from weakseg.crf.lattice_torch import TorchLattice

    return TorchLattice(torch.from_numpy(features).to(_device()))


def _fastest() -> str:
    return "torch" if _device() == "cuda" else "numba"


@lru_cache
def _device() -> str:
    from weakseg.devices import device, may_have_gpu

    if not may_have_gpu():
        return "cpu"
    kind = device().type
    return "cpu" if kind == "mps" else kind  # sorting 64-bit numbers on mps is untested


def _by_pydensecrf(image: np.ndarray, energy: np.ndarray, crf: CrfConfig) -> np.ndarray:
    try:
        import pydensecrf.densecrf as densecrf
    except ImportError:
        raise InputError(
            "crf.engine is pydensecrf, which is not installed; run pip install -e '.[pydensecrf]' in weakseg's "
            "checkout (it needs a C++ compiler) or choose auto."
        ) from None
    height, width = image.shape[:2]
    field = densecrf.DenseCRF2D(width, height, len(energy))
    field.setUnaryEnergy(energy)
    field.addPairwiseGaussian(sxy=crf.gaussian_sxy, compat=crf.gaussian_weight)
    field.addPairwiseBilateral(
        sxy=crf.bilateral_sxy,
        srgb=crf.bilateral_srgb,
        rgbim=np.require(image, requirements="W"),  # pydensecrf requires a writeable array
        compat=crf.bilateral_weight,
    )
    return np.asarray(field.inference(crf.iterations), np.float32)


ENGINES: dict[str, Callable[[np.ndarray, np.ndarray, CrfConfig], np.ndarray]] = {
    "numba": _by_numba,
    "torch": _by_torch,
    "pydensecrf": _by_pydensecrf,
}
"""Name → inference of an image H×W×3 and energies M×N (N = H·W) → M×N float32 probabilities."""
