"""What the file of a saliency method declares, above its import of torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from weakseg.backbones import serving
from weakseg.backbones.settings import StartedBackbone
from weakseg.backbones.standing import OF_SEVERAL_RESOLUTIONS, OnBackbone, all_serving
from weakseg.saliency.training_data.settings import SaliencyData, refuse_unread
from weakseg.settings.methods import Method
from weakseg.settings.section import FilePath, Positive
from weakseg.training.settings import TrainingConfig
from weakseg.weights.known import Known

if TYPE_CHECKING:
    from weakseg.saliency.maps import Source

Say = Callable[[str], None]
"""Is given a sentence for the user."""
WHOLE_IMAGES = TrainingConfig(iterations=10_000, scales=(1.0, 1.0), crop=448, resize=448)
"""A training that sees whole images, mirrored half of the time, and changes nothing else unless told to."""


class SaliencyMethod(Method):
    """A source of saliency maps.

    Attributes:
        mirrors: its maps come from a network, so that those of the mirrored image say something new.
    """

    mirrors: ClassVar[bool] = True

    @property
    def trains(self) -> bool:
        """Whether a run trains a network."""
        return False

    def training_reads(self) -> dict[str, str]:
        """Key in this section → file or folder outside of the run that the training reads."""
        return {}

    def maps_read(self) -> dict[str, str]:
        """Key in this section → file or folder outside of the run that its maps come from, without a training."""
        return {}

    def known(self) -> Known | None:
        """The published weights that its maps come from, if the section names them."""
        return None

    def maps_mb(self) -> float:
        """Bound of the memory that its maps take beside the image, MB."""
        return 100.0

    def source(self, flip: bool, say: Say) -> "Source":
        """The maps of a method that trains nothing.

        Args:
            flip: average with the map of the mirrored image.
            say: is given what users should know about the maps' files.

        Raises:
            InputError: what the maps come from is missing or does not fit.
        """
        made: Source = self.maker()(self, flip, say)
        return made


class TrainedMethod(OnBackbone, SaliencyMethod):
    """A network that this program trains, from scratch on the split `saliency` unless a subclass says otherwise.

    Its class is a `SaliencyNetwork` of `parts.py`, made of the section alone.
    """

    backbones: ClassVar[tuple[str, ...]] = ("vgg_small",)

    training: TrainingConfig = TrainingConfig()

    @property
    def trains(self) -> bool:
        """Whether a run trains a network."""
        return getattr(self, "trained", None) is None

    @property
    def architecture(self) -> str:
        """Name of the backbone."""
        return self.backbones[0]


class StagedConfig(StartedBackbone, methods=serving("saliency"), key="architecture"):
    """The backbone under a saliency network."""

    architecture: str = "resnet50"
    """Published with `resnet50`; 101 layers learn little from a few thousand images; `vgg16` costs more a step;
    `timm/<name>`: a model of timm with features of strides 4, 8, 16 and 32."""
    weights: FilePath = "IMAGENET1K_V1"
    """Initial weights: a name of `weakseg weights list` (`resnet50`, `vgg16`) or torchvision's `IMAGENET1K_V1`, fetched
    once; a file of torchvision's parameters (`.pth`, `.safetensors`; of VGG16 also what `attention.backbone.weights`
    takes); or `none`."""
    frozen_stages: int = Field(0, ge=0, le=4)
    """Stages whose weights stay as they are; the papers freeze none."""
    frozen_normalization: bool | None = None
    """Whether batch normalisation keeps the statistics that it was loaded with and, in `rcrnet`, the weights and
    biases; in `srm` these learn, as published. `null`: true unless the backbone starts from `none`."""


class NetworkMethod(TrainedMethod):
    """What the networks that start from ImageNet have in common."""

    beside = frozenset({"trained", "start", "size"})
    backbones = all_serving("saliency")
    kinds, needs = OF_SEVERAL_RESOLUTIONS, "features of the strides 4, 8, 16 and 32"

    backbone: StagedConfig = StagedConfig()
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the layers above the backbone."""
    data: SaliencyData = SaliencyData()
    trained: FilePath | None = None
    """A `weights.pt` of this method that another run trained; then nothing is trained here. `null`: train."""
    start: FilePath | None = None
    """A `weights.pt` of this method (of `rcrnet_video` also: of `rcrnet`, as published) that the training starts from;
    `null`: from the backbone's weights."""
    training: TrainingConfig = WHOLE_IMAGES
    size: int = Field(448, ge=32, le=4096)
    """Longest side that images are brought to for their maps; smaller ones keep their size."""

    @model_validator(mode="after")
    def _nothing_unread(self) -> Self:
        if self.trained is not None:
            refuse_unread(self, set(type(self).model_fields) - {"trained", "size"}, "trained")
        elif self.start is not None:
            refuse_unread(self.backbone, {"weights"}, "start")
        return self

    @model_validator(mode="after")
    def _stands(self) -> Self:
        self.check_backbone(self.architecture)
        return self

    @property
    def architecture(self) -> str:
        """Name of the backbone."""
        return self.backbone.architecture

    def training_reads(self) -> dict[str, str]:
        """Initial weights and the images or videos with masks."""
        if self.trained is not None:
            return {}
        initial = self.backbone.weights
        read = {} if self.start is None else {"start": self.start}
        if self.start is None and initial != "none":
            read["backbone.weights"] = initial
        return read | {f"data.{key}": getattr(self.data, key) for key in self.data.places()}

    def maps_read(self) -> dict[str, str]:
        """Weights that another run trained."""
        return {} if self.trained is None else {"trained": self.trained}
