"""What files made outside of weakseg were trained on."""

from typing import Literal

from pydantic import Field

from weakseg.config.section import FilePath, Section


class OutsideFile(Section):
    """What entered a file or folder that weakseg does not know."""

    data: str = Field("unknown", pattern=r"^[^\x00-\x1f\x7f]+$", max_length=1000)
    """What it was trained on, in a few words: `DUTS-TR masks`, `ImageNet`."""
    labels: Literal["pixels", "boxes", "image", "none", "unknown"] = "unknown"
    """The strongest labels that were used: masks, boxes, classes of images, or none at all."""


class SupervisionConfig(Section):
    """The ledger of a run: what supervision entered it. Changes what is printed, never what is computed."""

    files: dict[FilePath, OutsideFile] = Field(default_factory=dict)
    """Path as it stands in this configuration, or SHA-256, → what it was trained on. weakseg knows U²-Net-p,
    torchvision's weights and the VGG16 file of the presets by their SHA-256; others are `unknown` without this."""
