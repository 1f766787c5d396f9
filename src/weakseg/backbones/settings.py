"""Which network stands under another, and what it starts from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.backbones import BACKBONES
from weakseg.settings.methods import Choice
from weakseg.settings.section import FilePath


class StartedBackbone(Choice):
    """A backbone, what it starts from and what of it stays so; a subclass says which architectures there are."""

    beside = frozenset({"weights"})  # the file counts by its hash

    architecture: str = "vgg16"
    """Its name in the table of backbones."""
    weights: FilePath = "IMAGENET1K_V1"
    """Initial weights: a name of `weakseg weights list` (`vgg16`; of timm `<model>.<tag>`) or torchvision's
    `IMAGENET1K_V1` and `IMAGENET1K_FEATURES`, fetched once; a file (`.pth`, `.safetensors`, `.npz`, Keras `.h5`); or
    `none`."""
    frozen_stages: int = Field(0, ge=0, le=4)
    """Stages whose weights stay as they are (not the statistics of batch normalisation, where there is any). SeeNet's,
    OAA's and SPG's authors freeze none; 2 makes a step of VGG16 a fifth cheaper."""
    frozen_normalization: bool | None = None
    """Whether batch normalisation keeps the statistics, weights and biases that it was loaded with; those of small
    batches are worse. `null`: true for ResNets and models of timm, unless they start from `none`; false for others."""

    @model_validator(mode="after")
    def _has_statistics(self) -> Self:
        if self.frozen_normalization and self.weights == "none":
            raise ValueError(
                "frozen_normalization is true, but weights is none: statistics that nobody measured normalise nothing; "
                "leave it out or give weights"
            )
        return self

    @property
    def freezes_normalization(self) -> bool:
        """`frozen_normalization`; where that is left open, what suits the backbone and its weights."""
        if self.frozen_normalization is not None:
            return self.frozen_normalization
        return BACKBONES[self.architecture].keeps_statistics and self.weights != "none"


class BackboneConfig(StartedBackbone, methods=BACKBONES, key="architecture"):
    """The network under an attention network, a segmenter or a detector."""

    architecture: str = "vgg16"
    """`vgg16`; `vgg_small`: five narrow stages with batch normalisation, always trained from scratch; `inception_v3`:
    SPG's own; `timm/<name>`: a model of timm with features; in the segmenter and the detector
    `resnet50`, `resnet101`, `mobilenet_v3_large`; in the segmenter `alexnet`, `smp/<encoder>` (under `smp/<name>`).
    docs/backbones.md says what stands on what."""
    normalization: Literal["auto", "torchvision", "caffe_rgb", "caffe_bgr", "inception"] = "auto"
    """Mean, deviation and channel order the weights expect; `auto`: `caffe_bgr` for `.npz` and `.h5`,
    `caffe_rgb` for `vgg16-features`, `inception` for Inception-v3, timm's own for its models, else `torchvision`."""

    @model_validator(mode="after")
    def _reads_normalization(self) -> Self:
        if self.weights in ("none", "attention") and self.normalization != "auto":
            raise ValueError(
                f"normalization is {self.normalization}, but weights is {self.weights} and brings its own; leave "
                "normalization out or give weights"
            )
        return self
