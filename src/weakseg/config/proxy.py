"""Proxy rules and their refinement."""

from typing import Literal

from pydantic import Field

from weakseg.config.crf import CrfConfig
from weakseg.config.section import Fraction, Positive, Section


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
    """Whether the CRF is applied; without it refined equals fused."""
    label_confidence: float = Field(0.7, gt=0.0, lt=1.0)
    """Probability the fused label is trusted with; undecided pixels start uniform."""
    confidence: Fraction = 0.0
    """Pixels whose CRF probability is below this become undecided."""
    undecided: Literal["resolve", "keep"] = "resolve"
    """What becomes of pixels that were undecided before the CRF: it labels them too, or they stay undecided."""
    crf: CrfConfig = CrfConfig()


class ProxyConfig(Section):
    """Attention and saliency become labels."""

    rule: Literal["threshold", "seenet", "dcsp", "oaa"] = "threshold"
    """Which of the four sections below is used."""
    threshold: ThresholdRule = ThresholdRule()
    seenet: SeeNetRule = SeeNetRule()
    dcsp: DcspRule = DcspRule()
    oaa: OaaRule = OaaRule()
    refine: RefineConfig = RefineConfig()
