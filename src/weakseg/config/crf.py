"""The dense CRF."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from weakseg.config.section import Deviation, Section, Weight
from weakseg.crf.parameters import LONGEST, OF_A_PRESET, PRESETS


class CrfConfig(Section):
    """Fully connected CRF (Krähenbühl and Koltun, 2011)."""

    preset: Literal["psa", "irn", "deeplab", "deeplab-vgg", "afa", "oaa", "custom"] = "irn"
    """The field's parameter sets by name; `custom` takes the six values below, which otherwise are the set's own."""
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
    """Longer side in pixels to which larger images are shrunk for the CRF, whose probabilities are enlarged: it bounds
    memory and time. `null`: never."""
    engine: Literal["auto", "numba", "torch", "pydensecrf"] = "auto"
    """Who computes it, all with the same result; `auto`: torch where it finds a GPU, else numba."""

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, values: Any) -> Any:
        """A preset's own values where none are given, so that whoever reads the section reads what is computed."""
        preset = (
            values.get("preset", cls.model_fields["preset"].default) if isinstance(values, dict) else None
        )
        if not isinstance(preset, str) or preset not in PRESETS:
            return values
        return {name: getattr(PRESETS[preset], name) for name in OF_A_PRESET} | values

    @model_validator(mode="after")
    def _nothing_ignored(self) -> Self:
        if self.preset == "custom":
            return self
        for name in OF_A_PRESET:
            given, own = getattr(self, name), getattr(PRESETS[self.preset], name)
            if given != own:
                raise ValueError(
                    f"{name} is {given:g}, but preset {self.preset} has {own:g} and takes no other; leave {name} out, "
                    "or set preset to custom, which takes all six values"
                )
        return self
