"""What the file of a saliency method declares, above its import of torch."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from weakseg.backbones import serving
from weakseg.saliency.training_data.settings import SaliencyData, refuse_unread
from weakseg.settings.methods import Choice, Method
from weakseg.settings.section import FilePath, Positive, Scale
from weakseg.training.settings import TrainingConfig

if TYPE_CHECKING:
    from weakseg.saliency.maps import Source

Say = Callable[[str], None]
"""Is given a sentence for the user."""


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

    def maps_mb(self) -> float:
        """Bound of the memory that its maps take beside the image, MB."""
        return 100.0

    def source(self, weights: Path | None, flip: bool, say: Say) -> "Source":
        """The maps; of methods that train nothing the function that does the work makes them.

        Args:
            weights: the trained network, of methods that train one.
            flip: average with the map of the mirrored image.
            say: is given what users should know about the maps' files.

        Raises:
            InputError: what the maps come from is missing or does not fit.
        """
        made: Source = self.maker()(self, flip, say)
        return made


class TrainedMethod(SaliencyMethod):
    """A network that this program trains, from scratch on the split `saliency` unless a subclass says otherwise.

    Its class is a `SaliencyNetwork` of `parts.py`, made of the section alone.
    """

    training: TrainingConfig = TrainingConfig()

    @property
    def trains(self) -> bool:
        """Whether a run trains a network."""
        return True

    @property
    def architecture(self) -> str:
        """Name of the backbone."""
        return "vgg_small"

    @property
    def longest(self) -> int | None:
        """Longest side that images are brought to for their maps; `None` keeps their size."""
        return None

    @property
    def clip_length(self) -> int | None:
        """Frames of a training clip, of a model of videos."""
        return None

    @property
    def masks(self) -> SaliencyData:
        """What it learns from."""
        return SaliencyData()

    def source(self, weights: Path | None, flip: bool, say: Say) -> "Source":
        """The maps of trained weights."""
        from weakseg.errors import InputError
        from weakseg.saliency.network import network_source

        if weights is None:
            raise InputError(
                f"saliency.method is '{self.name}' but no --weights were given; train the network first."
            )
        return network_source(weights, self.longest, flip)


class WholeImages(TrainingConfig):
    """A training that sees whole images, mirrored half of the time, and changes nothing else unless told to."""

    scales: tuple[Scale, Scale] = (1.0, 1.0)
    """Range of the random scale, after `resize`."""
    crop: int = Field(448, ge=32, le=4096)
    """Side of the square that the image is laid in; what it does not fill is not scored."""
    resize: int | None = Field(448, ge=16)
    """Longest side the image is brought to; `null` keeps its size."""
    iterations: int = Field(10_000, ge=1)
    """Optimisation steps."""


class StagedConfig(Choice, methods=serving("saliency"), key="architecture"):
    """The backbone under a saliency network."""

    beside = frozenset({"weights"})  # the file counts by its hash

    architecture: str = "resnet50"
    """Published with `resnet50`; 101 layers learn little from a few thousand images; `vgg16` costs more a step."""
    weights: FilePath = "IMAGENET1K_V1"
    """Initial weights: `IMAGENET1K_V1` (torchvision), a file of torchvision's parameters (`.pth`,
    `.safetensors`; of VGG16 also what `attention.backbone.weights` takes), or `none`."""
    frozen_stages: int = Field(0, ge=0, le=4)
    """Stages whose weights stay as they are; the papers freeze none."""


class NetworkMethod(TrainedMethod):
    """What the networks that start from ImageNet have in common."""

    beside = frozenset({"trained", "start", "size"})

    backbone: StagedConfig = StagedConfig()
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the layers above the backbone."""
    data: SaliencyData = SaliencyData()
    trained: FilePath | None = None
    """A `weights.pt` of this method that another run trained; then nothing is trained here. `null`: train."""
    start: FilePath | None = None
    """A `weights.pt` of this method (of `rcrnet_video` also: of `rcrnet`, as published) that the training starts from;
    `null`: from the backbone's weights."""
    training: WholeImages = WholeImages()
    size: int = Field(448, ge=32, le=4096)
    """Longest side that images are brought to for their maps; smaller ones keep their size."""

    @model_validator(mode="after")
    def _nothing_unread(self) -> Self:
        if self.trained is not None:
            refuse_unread(self, set(type(self).model_fields) - {"trained", "size"}, "trained")
        elif self.start is not None:
            refuse_unread(self.backbone, {"weights"}, "start")
        return self

    @property
    def trains(self) -> bool:
        """Whether a run trains a network."""
        return self.trained is None

    @property
    def architecture(self) -> str:
        """Name of the backbone."""
        return self.backbone.architecture

    @property
    def longest(self) -> int | None:
        """Longest side that images are brought to for their maps."""
        return self.size

    @property
    def masks(self) -> SaliencyData:
        """What it learns from."""
        return self.data

    @property
    def freezes(self) -> bool:
        """`frozen_batch_norm`; where that is left open, whether the backbone starts from trained weights."""
        chosen: bool | None = getattr(self, "frozen_batch_norm", None)
        return self.start is not None or self.backbone.weights != "none" if chosen is None else chosen

    def training_reads(self) -> dict[str, str]:
        """Initial weights and the images or videos with masks."""
        if self.trained is not None:
            return {}
        initial = self.backbone.weights
        read = {} if self.start is None else {"start": self.start}
        if self.start is None and initial not in ("none", "IMAGENET1K_V1"):
            read["backbone.weights"] = initial
        return read | {f"data.{key}": getattr(self.data, key) for key in self.data.places()}

    def maps_read(self) -> dict[str, str]:
        """Weights that another run trained."""
        return {} if self.trained is None else {"trained": self.trained}

    def source(self, weights: Path | None, flip: bool, say: Say) -> "Source":
        """The maps of the weights given, or of those that another run trained."""
        return super().source(weights or (None if self.trained is None else Path(self.trained)), flip, say)
