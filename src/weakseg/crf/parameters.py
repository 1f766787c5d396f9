"""CRF parameters, and the sets that the field uses."""

from dataclasses import dataclass, replace
from typing import Any

LONGEST = 1024
"""Longer side, in pixels, above which an image is shrunk for the CRF: what bounds its memory (`crf/memory.py`)."""


@dataclass(frozen=True)
class CrfParameters:
    """Two Gaussian kernels and a number of iterations (Krähenbühl and Koltun, 2011, equation 3).

    Attributes:
        gaussian_sxy: spatial deviation of the smoothness kernel, pixels.
        gaussian_weight: its weight.
        bilateral_sxy: spatial deviation of the appearance kernel, pixels.
        bilateral_srgb: its colour deviation, 0…255.
        bilateral_weight: its weight.
        iterations: mean-field iterations.
        engine: who computes it, a name of `weakseg.crf.ENGINES`; `auto` takes torch where it finds a GPU, else numba.
        longest: longer side, in pixels, above which image and probabilities are shrunk for it; `None`: never.
    """

    gaussian_sxy: float
    gaussian_weight: float
    bilateral_sxy: float
    bilateral_srgb: float
    bilateral_weight: float
    iterations: int
    engine: str = "auto"
    longest: int | None = LONGEST


PRESETS = {
    "psa": CrfParameters(3, 3, 80, 13, 10, 10),  # AffinityNet, SEAM, ToCo's training labels
    "irn": CrfParameters(3, 3, 50, 5, 10, 10),  # IRN's label CRF
    "deeplab": CrfParameters(1, 3, 67, 3, 4, 10),  # deeplab-pytorch, EPS, CLIP-ES
    "deeplab-vgg": CrfParameters(3, 3, 121, 5, 4, 10),  # L2G's VGG DeepLab
    "afa": CrfParameters(3, 3, 64, 5, 4, 10),  # AFA, WeCLIP+ at test time
    "oaa": CrfParameters(3, 1, 67, 4, 3, 1),  # OAA's Caffe release
}
OF_A_PRESET = (
    "gaussian_sxy",
    "gaussian_weight",
    "bilateral_sxy",
    "bilateral_srgb",
    "bilateral_weight",
    "iterations",
)
"""What a preset's name stands for; engine and `longest` are free."""


def chosen(preset: str, engine: str = "auto", longest: int | None = LONGEST, **custom: Any) -> CrfParameters:
    """The parameters of a preset, or for `custom` the given ones."""
    if preset == "custom":
        return CrfParameters(**custom, engine=engine, longest=longest)
    return replace(PRESETS[preset], engine=engine, longest=longest)
