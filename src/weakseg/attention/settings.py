"""Attention networks and maps."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from weakseg.backbones import serving
from weakseg.backbones.settings import BackboneConfig
from weakseg.settings.section import FilePath, Positive, Scale, Section
from weakseg.training.settings import TrainingConfig


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


class OaaConfig(Section):
    """Online Attention Accumulation (Jiang et al., ICCV 2019), also as `oaa_plus` begins."""

    drop: bool = False
    """OAA-drop: half of the images are shown without what was attended to last (above 0.6). Published on VOC: 67.5
    against 65.7 of OAA and 66.6 of OAA+."""


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
    """Sizes relative to `size`. Of `cam` the raw scores are summed over sizes and mirrored images and the sum is
    normalised, as its authors do; of the others each map is normalised and the mean over sizes is taken."""
    flip: bool = True
    """Also look at the mirrored image: its scores are added (`cam`) or the maximum of both maps is taken (the
    others)."""
    read_out: Literal["relu", "sigmoid"] = "relu"
    """`oaa_plus` alone: `relu` divides the positive scores by their maximum, as published; `sigmoid` the sigmoid of all
    scores: its maps are nowhere zero and lie high."""
    batch_size: int = Field(16, ge=1)
    """Images of one size per forward pass."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""


class AttentionConfig(Section):
    """The classifier whose attention says where the classes are."""

    beside = frozenset({"maps", "schedule_of"})

    method: Literal["seenet", "spg", "oaa", "oaa_plus", "acol", "cam", "folder"] = "seenet"
    """Name of the attention network; `oaa_plus` trains two, one after the other; `folder` trains none."""
    backbone: BackboneConfig = BackboneConfig()
    stride: Literal[8, 16] | None = None
    """Pixels of the image per cell of the maps; `null` as published (SeeNet and CAM 16, the others 8). 8 is finer and
    costs about a half more."""
    new_layers_rate: Positive | None = None
    """Learning-rate multiplier of all layers above the backbone; `null` as published: 10 for `oaa`, `oaa_plus` and
    `acol`, 1 for `seenet` and `spg`, and for `cam`, whose head is SeeNet's."""
    schedule_of: Literal["seenet", "spg", "oaa", "oaa_plus", "acol", "cam"] | None = None
    """Method whose published schedule `training` holds; another method is then refused. `null`: a schedule of your
    own, for any method."""
    seenet: SeeNetConfig = SeeNetConfig()
    spg: SpgConfig = SpgConfig()
    oaa: OaaConfig = OaaConfig()
    acol: AcolConfig = AcolConfig()
    folder: FolderConfig = FolderConfig()
    training: TrainingConfig = TrainingConfig(weight_decay=2e-4, schedule="step")
    maps: MapsConfig = MapsConfig()

    @model_validator(mode="after")
    def _has_backbone(self) -> Self:
        known = serving("attention")
        if self.backbone.architecture not in known:
            raise ValueError(
                f"backbone.architecture is {self.backbone.architecture}; an attention network stands on "
                f"{', '.join(known)}"
            )
        return self

    @model_validator(mode="after")
    def _schedule_is_its_own(self) -> Self:
        if self.schedule_of not in (None, self.method) and self.method != "folder":
            preset = f"voc-{self.method.replace('_', '-')}.yaml" if self.method != "seenet" else "voc.yaml"
            raise ValueError(
                f"training is {self.schedule_of}'s published schedule (schedule_of), but method is {self.method}; add "
                f"workflow/presets/{preset} as the last --configfile, or set schedule_of to null to keep these values"
            )
        return self

    @model_validator(mode="after")
    def _all_is_read(self) -> Self:
        """Refuse what was asked for and nothing would read."""
        folder = self.method == "folder"
        unread = [
            (
                folder and self.stride is not None,
                f"stride is {self.stride}",
                "method folder trains no network",
            ),
            (
                folder and self.maps.source == "gradcam",
                "maps.source is gradcam",
                "method folder has no classifier",
            ),
            (
                self.maps.read_out != "relu" and (self.method != "oaa_plus" or self.maps.source != "network"),
                f"maps.read_out is {self.maps.read_out}",
                "only oaa_plus's own maps are read out in several ways",
            ),
            (
                self.method == "spg" and not self.spg.guided and self.spg.thresholds != "official",
                f"spg.thresholds is {self.spg.thresholds}",
                "spg.guided is false: no mask is made",
            ),
        ]
        for found, value, reason in unread:
            if found:
                raise ValueError(f"{value}, but {reason}; leave it out")
        return self

    def idle(self) -> set[str]:
        """The sections of other methods."""
        return {"seenet", "spg", "oaa", "acol", "folder"} - {self.method}

    def options(self) -> dict[str, Any]:
        """What the method's network is built with."""
        section = getattr(self, self.method, None)
        own = section.model_dump(mode="json") if isinstance(section, Section) else {}
        return {"stride": self.stride, "new_layers_rate": self.new_layers_rate} | own
