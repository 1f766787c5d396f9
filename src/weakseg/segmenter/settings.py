"""Segmenters and their predictions."""

from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from weakseg.backbones.settings import BackboneConfig
from weakseg.crf.settings import CrfConfig
from weakseg.settings.section import Positive, Scale, Section
from weakseg.training.settings import TrainingConfig

BACKBONES = {
    "largefov": ("vgg16", "vgg_small"),
    "vgg_aspp": ("vgg16", "vgg_small"),
    "fcn32s": ("vgg16", "vgg_small", "alexnet"),
    "fcn16s": ("vgg16", "vgg_small"),
    "fcn8s": ("vgg16", "vgg_small"),
    "deeplab_v2": ("resnet50", "resnet101", "inception_v3"),
    "deformable": ("vgg16", "vgg_small", "resnet50", "resnet101"),
    "deeplab_v3": ("mobilenet_v3_large", "resnet50", "resnet101"),
    "lraspp": ("mobilenet_v3_large",),
}
"""Segmenter → the backbones it stands on."""
_ALWAYS = {"method", "labels", "backbone", "largefov", "training", "prediction"}


class PredictionConfig(Section):
    """How a trained segmenter labels an image."""

    scales: list[Scale] = Field(default_factory=lambda: [1.0], min_length=1)
    """Image sizes whose class probabilities are averaged."""
    flip: bool = False
    """Average with the mirrored image."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""
    longest: int | None = Field(None, ge=16)
    """Longer side in pixels to which larger images are shrunk for the network and the CRF; `null` keeps their size. The
    value of `training.resize`, where that is set."""
    crf: CrfConfig = CrfConfig(preset="deeplab")

    @model_serializer(mode="wrap")
    def _without_none(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what came later and is not used, so that settings written before it read the same."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name != "longest" or value is not None}


class LargeFovConfig(Section):
    """DeepLab-LargeFOV (Chen et al., 2015)."""

    new_dense_rate: Positive = 1.0
    """Learning-rate multiplier of fc6 and fc7 when the initial weights lack them and they start from noise."""


class VggAsppConfig(Section):
    """DeepLab-ASPP on VGG16 (Chen et al., 2018): four dilations side by side."""

    new_dense_rate: Positive = 1.0
    """As in largefov, for all four branches."""


class FcnConfig(Section):
    """FCN-32s, 16s or 8s (Long et al., 2015)."""

    width: int | None = Field(None, ge=16, le=4096)
    """Channels of fc6 and fc7; `null` as published: 4096, 128 on `vgg_small`. Fewer are decimated from the weights."""
    new_dense_rate: Positive = 1.0
    """As in largefov."""


class DeepLabV2Config(Section):
    """DeepLab v2 (Chen et al., 2018)."""

    multi_scale: bool = False
    """Maximum of the scores at sizes 1, 0.75 and 0.5, in training and prediction; twice the time."""
    frozen_normalization: bool = True
    """Batch normalisation of a ResNet stays as it was loaded; `false` when `backbone.weights` is `none`."""


class DeformableConfig(Section):
    """LargeFOV on a VGG, DeepLab v2 on a ResNet, with deformable convolutions (Dai et al., 2017)."""

    layers: Literal[3, 6] = 3
    """How many of the backbone's last 3×3 convolutions deform; by the paper DeepLab got worse with 6."""
    frozen_normalization: bool = True
    """As in deeplab_v2."""
    new_dense_rate: Positive = 1.0
    """As in largefov."""


class DeepLabV3Config(Section):
    """DeepLab v3 (Chen et al., 2017) with torchvision's head."""

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the head."""


class LrAsppConfig(Section):
    """LR-ASPP (Howard et al., 2019) with torchvision's head."""

    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the head."""


class SegmenterConfig(Section):
    """The network that users keep."""

    beside = frozenset({"rounds", "prediction"})

    method: Literal[
        "largefov",
        "vgg_aspp",
        "fcn32s",
        "fcn16s",
        "fcn8s",
        "deeplab_v2",
        "deformable",
        "deeplab_v3",
        "lraspp",
    ] = "largefov"
    """Name of the segmenter."""
    labels: Literal["proxy", "masks"] = "proxy"
    """`proxy`: refined proxy labels. `masks`: the true masks, the supervised ceiling; never a weak result."""
    backbone: BackboneConfig = BackboneConfig()
    """As in attention; `weights: attention` starts from the backbone that this run's attention network trained,
    which must be of the same architecture."""
    largefov: LargeFovConfig = LargeFovConfig()
    vgg_aspp: VggAsppConfig = VggAsppConfig()
    fcn32s: FcnConfig = FcnConfig()
    fcn16s: FcnConfig = FcnConfig()
    fcn8s: FcnConfig = FcnConfig()
    deeplab_v2: DeepLabV2Config = DeepLabV2Config()
    deformable: DeformableConfig = DeformableConfig()
    deeplab_v3: DeepLabV3Config = DeepLabV3Config()
    lraspp: LrAsppConfig = LrAsppConfig()
    loss: Literal["cross_entropy", "bootstrapped", "symmetric"] = "cross_entropy"
    """Against wrong labels: `bootstrapped` believes a label 0.8 and the network's own answer 0.2 (Reed et al., 2015);
    `symmetric` adds the cross entropy the other way round (Wang et al., 2019). Undecided pixels never count."""
    balance: Literal["none", "foreground"] = "none"
    """`foreground`: background and foreground weigh the same in each batch (Huang et al., 2018)."""
    rounds: int = Field(1, ge=1, le=9)
    """Trainings: from the second on, each learns from the predictions of the one before on the training images,
    restricted to the image's classes and refined as `proxy.refine` says."""
    training: TrainingConfig = TrainingConfig(batch_size=10, iterations=16_000)
    prediction: PredictionConfig = PredictionConfig()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found, known = self.backbone.architecture, BACKBONES[self.method]
        if found not in known:
            raise ValueError(
                f"backbone.architecture is {found}; {self.method} stands on {' or '.join(known)}"
            )
        frozen = getattr(getattr(self, self.method), "frozen_normalization", False)
        if frozen and found.startswith("resnet") and self.backbone.weights == "none":
            raise ValueError(
                f"{self.method}.frozen_normalization is true, but backbone.weights is none: statistics that nobody "
                "measured normalise nothing; set it to false or give weights"
            )
        if self.method == "deeplab_v3" and self.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {self.training.share}; deeplab_v3 normalises over its share "
                "of the batch and needs 2 or more"
            )
        if self.rounds > 1 and self.labels == "masks":
            raise ValueError(f"rounds is {self.rounds} with labels: masks; only proxy labels are remade")
        return self

    def idle(self) -> set[str]:
        """The sections of other methods."""
        return set(BACKBONES) - {self.method}

    @model_serializer(mode="wrap")
    def _without_idle(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what came later and is not used, so that settings written before it read the same."""
        values: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in values.items()
            if name in _ALWAYS or name == self.method or getattr(self, name) != fields[name].default
        }

    def training_keys(self) -> set[str]:
        """The fields that a training depends on."""
        return {"method", "labels", "backbone", self.method, "training", "loss", "balance"}
