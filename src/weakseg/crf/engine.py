"""Mean-field inference by pydensecrf."""

import numpy as np

from weakseg.crf.parameters import CrfParameters

LEAST_PROBABILITY = 1e-5  # keeps the energy −log p finite


def dense_crf(image: np.ndarray, probabilities: np.ndarray, parameters: CrfParameters) -> np.ndarray:
    """Refine class probabilities by the image's edges.

    Args:
        image: RGB `uint8` H×W×3.
        probabilities: M×H×W, summing to one over M.
        parameters: the kernels and the iterations.

    Returns:
        M×H×W float32 probabilities.

    Raises:
        ValueError: the shapes do not agree.
    """
    import pydensecrf.densecrf as densecrf

    labels, height, width = probabilities.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError(
            f"image {image.dtype} {image.shape} does not fit probabilities {probabilities.shape}"
        )
    if labels == 1:
        return np.ones_like(probabilities, dtype=np.float32)
    energy = -np.log(np.clip(probabilities, LEAST_PROBABILITY, 1.0)).reshape(labels, -1)
    crf = densecrf.DenseCRF2D(width, height, labels)
    crf.setUnaryEnergy(np.ascontiguousarray(energy, np.float32))
    crf.addPairwiseGaussian(sxy=parameters.gaussian_sxy, compat=parameters.gaussian_weight)
    crf.addPairwiseBilateral(
        sxy=parameters.bilateral_sxy,
        srgb=parameters.bilateral_srgb,
        rgbim=np.ascontiguousarray(image),
        compat=parameters.bilateral_weight,
    )
    return np.asarray(crf.inference(parameters.iterations), np.float32).reshape(labels, height, width)
