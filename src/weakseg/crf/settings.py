"""Settings of the dense CRF, and published parameter sets."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.settings.section import Deviation, Section, Weight

LONGEST = 1024
"""Longer side in pixels above which images are shrunk for the CRF, which bounds its memory (`crf/memory.py`)."""
OF_A_PRESET = (
    *("gaussian_sxy", "gaussian_weight"),
    *("bilateral_sxy", "bilateral_srgb", "bilateral_weight"),
    "iterations",
)
"""Fields that a preset sets; `engine` and `longest` are not among them."""
PRESETS: dict[str, dict[str, int]] = {
    name: dict(zip(OF_A_PRESET, values, strict=True))
    for name, values in {
        "psa": (3, 3, 80, 13, 10, 10),  # AffinityNet, SEAM, ToCo's training labels
        "irn": (3, 3, 50, 5, 10, 10),  # IRN's label CRF
        "deeplab": (1, 3, 67, 3, 4, 10),  # deeplab-pytorch, EPS, CLIP-ES
        "deeplab-vgg": (3, 3, 121, 5, 4, 10),  # L2G's VGG DeepLab
        "afa": (3, 3, 64, 5, 4, 10),  # AFA, WeCLIP+ at test time
        "oaa": (3, 1, 67, 4, 3, 1),  # OAA's Caffe release
    }.items()
}


class CrfConfig(Section):
    """Fully connected CRF (Krähenbühl and Koltun, 2011, equation 3): two Gaussian kernels and a number of updates."""

    preset: Literal["psa", "irn", "deeplab", "deeplab-vgg", "afa", "oaa", "custom"] = "irn"
    """Published parameter set; `custom` takes the six values below."""
    gaussian_sxy: Deviation = 3.0
    """`custom`: spatial deviation of the smoothness kernel, pixels."""
    gaussian_weight: Weight = 3.0
    """`custom`: weight of the smoothness kernel."""
    bilateral_sxy: Deviation = 50.0
    """`custom`: spatial deviation of the appearance kernel, pixels."""
    bilateral_srgb: Deviation = 5.0
    """`custom`: colour deviation of the appearance kernel, 0…255."""
    bilateral_weight: Weight = 10.0
    """`custom`: weight of the appearance kernel."""
    iterations: int = Field(10, ge=1, le=100)
    """`custom`: mean-field iterations."""
    longest: int | None = Field(LONGEST, ge=64)
    """Longer side in pixels to which larger images are shrunk for the CRF, which bounds memory and time; its result is
    enlarged again. `null`: never."""
    engine: Literal["auto", "numba", "torch", "pydensecrf"] = "auto"
    """Implementation; all give the same result. `auto`: torch with a GPU, else numba."""

    @model_validator(mode="after")
    def _as_the_preset(self) -> Self:
        """Fill in the preset's values, so that the section holds what is computed; refuse others."""
        for name, own in PRESETS.get(self.preset, {}).items():
            given = getattr(self, name)
            if name in self.model_fields_set and given != own:
                raise ValueError(
                    f"{name} is {given:g}, but preset {self.preset} has {own:g} and takes no other; leave {name} out, "
                    "or set preset to custom, which takes all six values"
                )
            self.__dict__[name] = own  # not as set by the user: another preset may be laid over this section
        return self
