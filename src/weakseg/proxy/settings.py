"""Proxy rules and their refinement."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.crf.settings import CrfConfig
from weakseg.proxy.rules import RULES
from weakseg.settings.methods import Choice
from weakseg.settings.section import Fraction, RunName, Section


class RefineConfig(Section):
    """From fused to refined proxy labels."""

    enabled: bool = True
    """Whether the CRF is applied; without it refined equals fused, but for what `missing_class` says."""
    label_confidence: float = Field(0.7, gt=0.0, lt=1.0)
    """Probability the fused label is trusted with; undecided pixels start uniform."""
    confidence: Fraction = 0.0
    """Pixels whose CRF probability is below this become undecided."""
    undecided: Literal["resolve", "keep"] = "resolve"
    """What becomes of pixels that were undecided before the CRF: it labels them too, or they stay undecided."""
    missing_class: Literal["undecided", "background"] = "undecided"
    """What becomes of the background of an image where a class that its labels name has no pixel: `undecided`, as the
    object is somewhere in it, or `background`: the segmenter then learns that the object is background."""
    crf: CrfConfig = CrfConfig()

    @property
    def of_missing(self) -> str:
        """What the background becomes where a class is missing, in words."""
        return "left undecided" if self.missing_class == "undecided" else "kept as background"

    @model_validator(mode="after")
    def _nothing_ignored(self) -> Self:
        """Without the CRF its probabilities decide nothing; `undecided` and `crf` are switched off with it."""
        for name in ("label_confidence", "confidence"):
            value, default = getattr(self, name), type(self).model_fields[name].default
            if not self.enabled and value != default:
                raise ValueError(
                    f"{name} is {value:g}, but enabled is false and without the CRF nothing reads it; set {name} to "
                    f"{default:g}, or enabled to true"
                )
        return self


class ProxyConfig(Choice, methods=RULES, key="rule"):
    """Attention and saliency become labels."""

    from_run: RunName | None = None
    """Name of another run, of the same images and `shards`, whose proxy labels and maps are taken as they are,
    with the values that made them. `null`: made here."""
    rule: str = "threshold"
    """Which of the sections below is used."""
    refine: RefineConfig = RefineConfig()
