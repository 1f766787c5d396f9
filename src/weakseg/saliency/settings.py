"""Saliency networks and maps."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from weakseg.backbones import serving
from weakseg.settings.methods import Choice
from weakseg.settings.section import ClassName, FilePath, Positive, RunName, Scale, Section
from weakseg.training.settings import TrainingConfig


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


class RcrNetTraining(WholeImages):
    """RCRNet's: Adam; its authors published the training of the video model only."""

    optimizer: Literal["sgd", "adamw"] = "adamw"
    """The paper takes Adam; `adamw` keeps its weight decay out of the step."""
    learning_rate: float = Field(1e-4, gt=0, le=10)
    """Base rate."""
    batch_size: int = Field(8, ge=1)
    """Images per step, 2 or more."""


class RcrNetVideoTraining(RcrNetTraining):
    """As published: one clip of four frames a step at a constant rate."""

    learning_rate: float = Field(1e-5, gt=0, le=10)
    """Base rate."""
    batch_size: int = Field(1, ge=1)
    """Clips per step."""
    schedule: Literal["poly", "step", "constant"] = "constant"
    """As in any training."""
    clip_gradient: float = Field(0.0, ge=0)
    """As in any training; the published one does not clip."""


class SrmTraining(WholeImages):
    """SRM's image size; its rate of 1e-10 is for the sum over 353² pixels, which on their mean is 1.2e-5."""

    crop: int = Field(353, ge=32, le=4096)
    """As in any training on whole images."""
    resize: int | None = Field(353, ge=16)
    """As in any training on whole images."""
    batch_size: int = Field(8, ge=1)
    """Images per step; published: 1, with a momentum of 0.99 and 300,000 steps."""


class SmallSaliency(Section):
    """A small encoder-decoder trained on the data set's saliency split (demo)."""

    training: TrainingConfig = TrainingConfig()


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


class SaliencyData(Section):
    """Images with masks of what stands out: pixel labels. Keys of other sources than the chosen one are refused."""

    beside = frozenset({"images", "masks", "davis", "videos"})  # their files count by a digest

    source: Literal["split", "folder", "davis", "videos"] = "split"
    """`split`: the images of the index in the split `saliency` (the demo has one); `folder`: `images` and `masks`;
    `davis`: a folder in DAVIS's layout; `videos`: a list of data sets in YAML, as RCRNet's authors keep it."""
    images: FilePath = "images"
    """`folder`: folder of the images, which may have folders in it."""
    masks: FilePath = "masks"
    """`folder`: folder of PNGs named like the images. Images without one are left out."""
    davis: FilePath = "davis"
    """`davis`: folder that holds `JPEGImages/480p`, `Annotations/480p` and `ImageSets/480p`."""
    videos: FilePath = "videos.yaml"
    """`videos`: the list; a data set lies in the folder of its name beside the list, if it names no other."""
    video_split: ClassName = "train"
    """`davis` and `videos`: which videos: `train`, `val`, `test` or whatever the list has."""
    foreground: Literal["bright", "nonzero"] = "bright"
    """What is the object in a mask: `bright`, 128 and more of 255, as salient-object data sets have it; `nonzero`,
    any value but 0 and 255 (255 is not scored), as in masks of class indices. A `split` is always `nonzero`."""

    @model_validator(mode="after")
    def _of_the_source(self) -> Self:
        read = {"source", *_READ[self.source]}
        refuse_unread(self, set(type(self).model_fields) - read, f"source '{self.source}'")
        return self


_READ = {
    "split": (),
    "folder": ("images", "masks", "foreground"),
    "davis": ("davis", "video_split", "foreground"),
    "videos": ("videos", "video_split", "foreground"),
}
"""Source → the keys that it reads."""


def refuse_unread(section: Section, unread: Iterable[str], reason: str) -> None:
    """Refuse a value that differs from its default and that nothing reads.

    Raises:
        ValueError: there is one; `reason` is why it is not read.
    """
    for key in sorted(unread):
        value, usual = getattr(section, key), type(section).model_fields[key].default
        if value != usual:
            shown = "other values" if isinstance(value, Section) else f"'{value}'"
            raise ValueError(f"{key} has {shown}, which nothing reads with {reason}; remove {key}")


class NetworkSection(Section):
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

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the network."""
        return {"architecture": self.backbone.architecture, "new_layers_rate": self.new_layers_rate}


def _frozen(section: "RcrNetConfig | SrmConfig") -> bool:
    chosen = section.frozen_batch_norm
    trained = section.start is not None or section.backbone.weights != "none"
    return trained if chosen is None else chosen


class RcrNetConfig(NetworkSection):
    """RCRNet, the image model (Yan et al., ICCV 2019)."""

    stride: Literal[8, 16] = 16
    """Pixels of the image per cell of the last features; 8 is finer and costs more than twice as much."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """Of the refinement blocks; the published one is `relu`."""
    frozen_batch_norm: bool | None = None
    """Whether the backbone's batch normalisation stays as it is; `null`: where it starts from trained weights."""
    training: RcrNetTraining = RcrNetTraining()

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the network."""
        own = {"stride": self.stride, "activation": self.activation, "frozen_batch_norm": _frozen(self)}
        return super().options() | own

    @model_validator(mode="after")
    def _more_than_one_image(self) -> Self:
        if self.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {self.training.share}; the pyramid normalises the image's "
                "mean over its share of the batch and needs 2 or more"
            )
        return self


class RcrNetVideoConfig(NetworkSection):
    """RCRNet, the video model; in a run each image is a clip of one frame."""

    stride: Literal[8, 16] = 16
    """As in `rcrnet`."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """As in `rcrnet`."""
    clip: int = Field(4, ge=1, le=64)
    """Frames of a training clip, of a source that has videos."""
    training: RcrNetVideoTraining = RcrNetVideoTraining()

    @model_validator(mode="after")
    def _clips_of_videos(self) -> Self:
        if self.data.source in ("split", "folder"):
            refuse_unread(self, {"clip"}, f"data.source '{self.data.source}'")
        return self

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the network."""
        return super().options() | {"stride": self.stride, "activation": self.activation}


class SrmConfig(NetworkSection):
    """SRM, the stagewise refinement model (Wang et al., ICCV 2017)."""

    new_layers_rate: Positive = 10.0
    """As in `rcrnet`; ten times the base rate, as published. Where the backbone starts without weights, 1 is better."""
    stages: Literal[2, 3] = 3
    """Maps that follow each other; the third is at an eighth of the image."""
    frozen_batch_norm: bool | None = None
    """Whether batch normalisation keeps its statistics (its weights and biases learn); `null`: as in `rcrnet`. The
    published training has one image a step and keeps them."""
    training: SrmTraining = SrmTraining()
    size: int = Field(353, ge=32, le=4096)
    """As in `rcrnet`."""

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the network."""
        return super().options() | {"stages": self.stages, "frozen_batch_norm": _frozen(self)}


class UnsupervisedSaliency(Section):
    """Minimum barrier saliency (Zhang et al., ICCV 2015): no network, no weights, no labels."""

    size: int = Field(300, ge=32, le=2048)
    """Longest side that images are brought to; the paper's is 300."""
    backgroundness: bool = True
    """Also see how much a colour differs from the image's borders (MB+ of the paper)."""
    center: bool = True
    """Weigh the middle of the image more, as the paper does."""


class OnnxSaliency(Section):
    """Any saliency network as an ONNX file."""

    file: FilePath = "u2netp.onnx"
    """The model file; its SHA-256 is recorded with the maps."""
    preset: Literal["u2net", "imagenet", "plain"] = "u2net"
    """Pre-processing: `u2net` scales by the image's maximum, then ImageNet mean and deviation; `imagenet` divides by
    255 before that; `plain` gives RGB in [0, 1]."""
    output: Literal["preset", "probabilities", "logits", "minmax"] = "preset"
    """What the first output holds: `probabilities` from 0 to 1, `logits` (a sigmoid is applied), or values of which
    each map is stretched to [0, 1] (`minmax`); `preset`: `minmax` for `u2net`, else `probabilities`."""
    size: int = Field(320, ge=32, le=2048)
    """Side of the square input."""


class FolderSaliency(Section):
    """Maps made elsewhere."""

    folder: FilePath = "saliency"
    """Folder of PNGs named like the images, of any size: grey, 0…255, or cut-outs, whose alpha channel is the map."""


class SaliencyConfig(Section):
    """Which pixels stand out, whatever they show."""

    beside = frozenset({"flip", "from_run"})

    from_run: RunName | None = None
    """Name of another run, of the same images and `shards`, whose saliency maps are taken as they are,
    with the values that made them. `null`: made here."""

    method: Literal["small", "rcrnet", "rcrnet_video", "srm", "unsupervised", "onnx", "folder"] = "small"
    """Which of the sections below is used."""
    flip: bool = False
    """Average each map with that of the mirrored image, mirrored back: better maps in twice the time. For methods that
    ask a network (not `unsupervised` and `folder`)."""
    small: SmallSaliency = SmallSaliency()
    rcrnet: RcrNetConfig = RcrNetConfig()
    rcrnet_video: RcrNetVideoConfig = RcrNetVideoConfig()
    srm: SrmConfig = SrmConfig()
    unsupervised: UnsupervisedSaliency = UnsupervisedSaliency()
    onnx: OnnxSaliency = OnnxSaliency()
    folder: FolderSaliency = FolderSaliency()

    @model_validator(mode="after")
    def _mirrors_networks_alone(self) -> Self:
        if self.flip and self.method in ("unsupervised", "folder"):
            raise ValueError(
                f"flip is true, but the maps of method '{self.method}' ask no network; set flip to false"
            )
        return self

    def idle(self) -> set[str]:
        """The sections of other methods."""
        return set(type(self).model_fields) - {"method", "flip", self.method}

    @property
    def training(self) -> TrainingConfig:
        """Of the network that is trained."""
        network = self.network()
        return self.small.training if network is None else network.training

    def network(self) -> NetworkSection | None:
        """The section of the chosen method, if that is a network that starts from ImageNet."""
        chosen = getattr(self, self.method)
        return chosen if isinstance(chosen, NetworkSection) else None

    @property
    def reads_split_masks(self) -> bool:
        """Whether the training learns from masks of the index."""
        network = self.network()
        return network is None or network.data.source == "split"

    def training_reads(self) -> dict[str, str]:
        """Key → file or folder outside of the run that a training reads."""
        network, prefix = self.network(), f"saliency.{self.method}"
        if network is None or network.trained is not None:
            return {}
        found = {} if network.start is None else {f"{prefix}.start": network.start}
        initial = network.backbone.weights
        if network.start is None and initial not in ("none", "IMAGENET1K_V1"):
            found[f"{prefix}.backbone.weights"] = initial
        keys: dict[str, tuple[str, ...]] = {"split": (), "folder": ("images", "masks")}
        for key in keys.get(network.data.source, (network.data.source,)):
            found[f"{prefix}.data.{key}"] = getattr(network.data, key)
        return found

    def maps_read(self) -> dict[str, str]:
        """Key → file or folder outside of the run that its maps come from, where nothing is trained."""
        network = self.network()
        if network is not None:
            return {} if network.trained is None else {f"saliency.{self.method}.trained": network.trained}
        return {
            "onnx": {"saliency.onnx.file": self.onnx.file},
            "folder": {"saliency.folder.folder": self.folder.folder},
        }.get(self.method, {})

    @property
    def trains(self) -> bool:
        """Whether a run with this section trains a saliency network."""
        network = self.network()
        return self.method == "small" or (network is not None and network.trained is None)
