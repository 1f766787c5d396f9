"""Proxy rules and their refinement."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.crf.settings import CrfConfig
from weakseg.settings.section import Fraction, Positive, RunName, Section


class ThresholdRule(Section):
    """Saliency decides foreground, attention the class (after WSSS-BED)."""

    saliency_low: Fraction = 0.2
    """Below: background."""
    saliency_high: Fraction = 0.4
    """Above: foreground; the band between the two is undecided."""
    attention_least: Fraction = 0.0
    """Salient pixels whose strongest attention is below this stay undecided."""
    rescue: Fraction = 0.7
    """Attention above this is foreground whatever saliency says."""
    background_attention: Fraction = 1.0
    """Background pixels with attention above this: undecided. 1 decides all."""

    @model_validator(mode="after")
    def _nothing_ignored(self) -> Self:
        if self.saliency_low > self.saliency_high:
            raise ValueError(
                f"saliency_low is {self.saliency_low:g} and saliency_high {self.saliency_high:g}, which then decides "
                "nothing; saliency_low at most saliency_high was expected: change one of them"
            )
        if self.rescue <= self.background_attention < 1:
            raise ValueError(
                f"background_attention is {self.background_attention:g}, but pixels above rescue, {self.rescue:g}, are "
                "objects already; less than rescue was expected, or 1 to switch it off"
            )
        return self


class SeeNetRule(Section):
    """Weighted harmonic mean of saliency and attention (SeeNet, with its authors' ignore rules)."""

    weight: Positive = 1.5
    """Weight w of attention in (w + 1) / (w / attention + 1 / saliency)."""
    conflict: Fraction = 0.7
    """Two classes both above this: undecided."""
    saliency_low: Fraction = 32 / 255
    """Class pixels with saliency below this: undecided."""


class DcspRule(Section):
    """Harmonic mean with a fixed background threshold (DCSP, BMVC 2017)."""

    background: Fraction = 0.4
    """Harmonic mean below this is background."""


class OaaRule(Section):
    """The OAA authors' rule (ICCV 2019)."""

    floor: Fraction = 0.3
    """Scores below this count as zero, background's too."""
    conflict: Fraction = 0.9
    """Two scores both above this: undecided."""
    background_saliency: Fraction = 32 / 255
    """Background pixels with saliency of at least this: undecided."""
    background_attention: Fraction = 0.8
    """Background pixels with attention above this: undecided."""
    least_foreground: Fraction = 0.01
    """Images with a smaller share of foreground are undecided as a whole."""


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
    object is somewhere in it, or `background`, which the segmenter then learns the object as."""
    crf: CrfConfig = CrfConfig()

    @property
    def of_missing(self) -> str:
        """What the background becomes where a class is missing, in words."""
        return "left undecided" if self.missing_class == "undecided" else "learnt as such"

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


class ProxyConfig(Section):
    """Attention and saliency become labels."""

    from_run: RunName | None = None
    """Name of another run, of the same images and `shards`, whose proxy labels and maps are taken as they are,
    with the values that made them. `null`: made here."""
    rule: Literal["threshold", "seenet", "dcsp", "oaa"] = "threshold"
    """Which of the four sections below is used."""
    threshold: ThresholdRule = ThresholdRule()
    seenet: SeeNetRule = SeeNetRule()
    dcsp: DcspRule = DcspRule()
    oaa: OaaRule = OaaRule()
    refine: RefineConfig = RefineConfig()
