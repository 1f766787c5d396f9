"""The dense CRF."""

from typing import Literal

from pydantic import Field

from weakseg.config.section import Deviation, Section, Weight


class CrfConfig(Section):
    """Fully connected CRF (Krähenbühl and Koltun, 2011)."""

    preset: Literal["psa", "irn", "deeplab", "deeplab-vgg", "afa", "oaa", "custom"] = "irn"
    """The field's parameter sets by name; `custom` takes the values below."""
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
    engine: Literal["auto", "numba", "torch", "pydensecrf"] = "auto"
    """Who computes it, all with the same result; `auto`: torch where it finds a GPU, else numba."""
