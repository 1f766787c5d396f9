"""Detectors and their predictions."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from weakseg.backbones import BACKBONES
from weakseg.backbones.settings import BackboneConfig
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS, OnBackbone, all_serving
from weakseg.settings.section import Fraction, Positive, Scale, Section
from weakseg.training.settings import TrainingConfig

PYRAMID = 5
"""Feature maps that a detector looks at where its backbone gives it the features of several stages; otherwise one."""

Side = Annotated[int, Field(ge=4, le=4096)]


class DetectorTraining(TrainingConfig):
    """A training that sees whole images, so that few objects are cut, at the size of the Faster R-CNN paper."""

    iterations: int = Field(20_000, ge=1)
    """Optimisation steps; the paper has 70,000 of two images."""
    batch_size: int = Field(8, ge=1)
    """Images per step."""
    learning_rate: float = Field(2e-3, gt=0, le=10)
    """Base rate."""
    schedule: Literal["poly", "step", "constant"] = "step"
    """As in any training."""
    step_at: Fraction = 0.75
    """As in any training."""
    warmup: int = Field(500, ge=0)
    """As in any training."""
    crop: int = Field(608, ge=32, le=4096)
    """Side of the square that the image is laid in: at least `resize` times the larger scale, or objects are cut."""
    scales: tuple[Scale, Scale] = (0.7, 1.0)
    """Range of the random scale, after `resize`."""
    resize: int | None = Field(608, ge=16)
    """Longest side the image is brought to; `null` keeps its size."""


class BoxPredictionConfig(Section):
    """How a trained detector finds boxes."""

    size: int | None = Field(608, ge=32, le=4096)
    """Longest side images are brought to, in pixels, near the size that training saw; `null` keeps their size."""
    least_score: Fraction = 0.05
    """Boxes with a lower probability are left out."""
    overlap: Fraction = 0.5
    """Of two boxes of one class whose intersection over union is larger, the more probable one stays."""
    most: int = Field(100, ge=1, le=100)
    """Boxes of an image at most; COCO's score counts no more than 100."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training, for the backbone."""


class DetectorBackbone(BackboneConfig):
    """The network under a detector."""

    frozen_normalization: bool | None = None
    """As in segmenter; `null`: true for any backbone that starts from published weights: a step sees few images."""

    @property
    def freezes_normalization(self) -> bool:
        """`frozen_normalization`; where that is left open, whether the weights are published ones."""
        if self.frozen_normalization is None:
            return self.weights not in ("none", "attention")
        return self.frozen_normalization


class DetectorConfig(OnBackbone):
    """Faster R-CNN on the boxes around the regions of the proxy labels; only the target `detector` makes it."""

    name: ClassVar[str] = "detector"
    backbones = all_serving("detector")
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "features of the strides 4, 8, 16 and 32"
    beside = frozenset({"least_region", "prediction"})

    least_region: Fraction = 0.005
    """Share of the image below which a region gives no box: of a proxy label none to learn, of a mask none to score."""
    backbone: DetectorBackbone = DetectorBackbone()
    """As in segmenter, `attention` too: `vgg16` and `vgg_small` give one feature map, the others a pyramid of five."""
    stride: Literal[8, 16] = 16
    """`vgg16`, `vgg_small`: pixels per cell of the feature map; 8 for objects of few pixels."""
    anchors: list[Side] = Field(default_factory=lambda: [32, 64, 128, 256, 512], min_length=1)
    """Sides, in pixels of the training crops, of the squares that boxes are measured from; two more of half and double
    height belong to each. Of a pyramid each map takes its share, the finest the first: 5 sides, or 10."""
    channels: int = Field(256, ge=8, le=1024)
    """Channels of the feature maps."""
    width: int = Field(1024, ge=16, le=4096)
    """Width of the two layers that look at each proposed box."""
    proposals: int = Field(512, ge=8, le=2000)
    """Proposed boxes of each image that these layers learn from in a step."""
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of all layers above the backbone."""
    training: DetectorTraining = DetectorTraining()
    prediction: BoxPredictionConfig = BoxPredictionConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = self.backbone.architecture
        self.check_backbone(found)
        maps = PYRAMID if BACKBONES[found].pyramid else 1
        if len(self.anchors) % maps:
            raise ValueError(
                f"anchors has {len(self.anchors)} sides; {found} has {maps} feature maps, so that a multiple of "
                f"{maps} is needed"
            )
        return self
