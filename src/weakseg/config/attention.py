"""Attention networks and maps."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from weakseg.config.section import FilePath, Positive, Scale, Section
from weakseg.config.training import BackboneConfig, TrainingConfig

ATTENTION_BACKBONES = ("vgg16", "vgg_small", "inception_v3")


class SeeNetConfig(Section):
    """Self-Erasing Network (Hou et al., NeurIPS 2018)."""

    thresholds: Literal["paper", "release"] = "paper"
    """`paper`: erase above 0.7, reverse below 0.05; `release`: 0.8 and 0.0 (nothing is reversed)."""


class SpgConfig(Section):
    """Self-produced Guidance (Zhang et al., ECCV 2018)."""

    guided: bool = True
    """`false`: SPG-plain, the classifier without its self-produced masks."""
    thresholds: Literal["official", "vgg"] = "official"
    """Attention below which B2 is told background: `official` 0.05 (Inception-v3), `vgg` 0.01 (VGG16); the others
    agree."""
    single_label: bool = False
    """Softmax over the classes, as published for images of exactly one class. `false`: one sigmoid per class, and the
    masks come from the union of the present classes' maps."""


class AcolConfig(Section):
    """Adversarial Complementary Learning (Zhang et al., CVPR 2018)."""

    erase_from: float = Field(0.6, gt=0, le=1)
    """Attention of the first classifier from which features are erased for the second; released 0.6."""


class FolderConfig(Section):
    """Attention maps made elsewhere, by CLIP or a transformer, say."""

    folder: FilePath = "attention"
    """Holds for each image `<id>.npz` with one array per class name, or a folder `<id>/` with one grey PNG per class
    name; any resolution. Floats lie in [0, 1], `uint8` in 0…255. Maps of absent classes are not read."""


class MapsConfig(Section):
    """How attention maps are computed from a trained network."""

    source: Literal["network", "gradcam"] = "network"
    """`network`: the method's own maps; `gradcam`: Grad-CAM (Selvaraju et al., 2017) of its classifier's last
    features, one backward pass per image and class."""
    size: int = Field(384, ge=32, le=4096)
    """Longest side the image is brought to, in pixels."""
    scales: list[Scale] = Field(default_factory=lambda: [1.0], min_length=1)
    """Sizes relative to `size`; their maps are averaged."""
    flip: bool = True
    """Fuse with the mirrored image's maps by maximum."""
    batch_size: int = Field(16, ge=1)
    """Images of one size per forward pass."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""


class AttentionConfig(Section):
    """The classifier whose attention says where the classes are."""

    method: Literal["seenet", "spg", "oaa", "oaa_plus", "acol", "cam", "folder"] = "seenet"
    """Name of the attention network; `oaa_plus` trains two, one after the other; `folder` trains none."""
    backbone: BackboneConfig = BackboneConfig()
    stride: Literal[8, 16] | None = None
    """Pixels of the image per cell of the maps; `null` as published (SeeNet and CAM 16, the others 8). 8 is finer and
    costs about a half more."""
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of all layers above the backbone; published: 1 by SeeNet, 10 by ACoL and OAA."""
    seenet: SeeNetConfig = SeeNetConfig()
    spg: SpgConfig = SpgConfig()
    acol: AcolConfig = AcolConfig()
    folder: FolderConfig = FolderConfig()
    training: TrainingConfig = TrainingConfig(weight_decay=2e-4, schedule="step")
    maps: MapsConfig = MapsConfig()

    @model_validator(mode="after")
    def _has_backbone(self) -> Self:
        if self.backbone.architecture not in ATTENTION_BACKBONES:
            raise ValueError(
                f"backbone.architecture is {self.backbone.architecture}; an attention network stands on "
                f"{', '.join(ATTENTION_BACKBONES)}"
            )
        return self

    def options(self) -> dict[str, Any]:
        """What the method's network is built with."""
        section = getattr(self, self.method, None)
        own = section.model_dump(mode="json") if isinstance(section, Section) else {}
        return {"stride": self.stride, "new_layers_rate": self.new_layers_rate} | own
