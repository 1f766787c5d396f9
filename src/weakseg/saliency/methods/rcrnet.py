"""RCRNet: the image model of Semi-Supervised Video Salient Object Detection (Yan et al., ICCV 2019, section 3.1).

A dilated ResNet, atrous spatial pyramid pooling on its last features, and three refinement blocks that bring back the
detail of layers 3, 2 and 1 (of a VGG16: of stages 4, 3 and 2). The video model (`rcrnet_video.py`) stands on this one.
"""

from collections.abc import Callable
from typing import Literal, Self

from pydantic import model_validator

from weakseg.saliency.methods.declaration import WHOLE_IMAGES, NetworkMethod
from weakseg.training.settings import TrainingConfig

TRAINING = WHOLE_IMAGES.model_copy(update={"optimizer": "adamw", "learning_rate": 1e-4, "batch_size": 8})


class RcrNetSettings(NetworkMethod):
    """RCRNet, the image model (Yan et al., ICCV 2019)."""

    name = "rcrnet"
    made_by = "RcrNet"

    stride: Literal[8, 16] = 16
    """Pixels of the image per cell of the last features; 8 is finer and costs more than twice as much. A model of timm
    that cannot be dilated has 32."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """Of the refinement blocks; the published one is `relu`."""
    training: TrainingConfig = TRAINING
    """On whole images. The paper takes Adam; `adamw` keeps its weight decay out of the step. Its authors published the
    training of the video model only. 2 images or more per step and process."""

    @model_validator(mode="after")
    def _more_than_one_image(self) -> Self:
        if self.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {self.training.share}; the pyramid normalises the image's "
                "mean over its share of the batch and needs 2 or more"
            )
        return self


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import BACKBONES
from weakseg.backbones.base import Backbone, Dilations, SaliencyBackbone
from weakseg.saliency.methods.parts import SaliencyNetwork, binary_loss
from weakseg.training.parameters import ParameterGroup, caffe_groups

BACKBONE_DILATIONS: dict[int, Dilations] = {16: ((1, 1), (2, 2)), 8: ((2, 2), (2, 2))}
"""Output stride → dilations of a ResNet's layers 3 and 4, first blocks included, as in the released network."""
DILATIONS = {32: (3, 6, 9), 16: (6, 12, 18), 8: (12, 24, 36)}
"""Output stride → dilations of the pyramid's three 3×3 convolutions; published for 16 and 8."""
WIDTH = 256  # of the pyramid's branches and output
SKIP = 96  # channels that a skip connection is reduced to
INNER = SKIP // 2  # inside the bottleneck that reduces it: an expansion of 2, as in the released network
REFINED = 128  # channels that a refinement block gives
DECODER = 256
DROPOUT = 0.1  # after the pyramid, whole channels
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class RcrNet(SaliencyNetwork):
    """Saliency of single images."""

    least_share = 2
    """Images of a step that a process must see: the pyramid normalises their means over them."""

    def __init__(self, settings: RcrNetSettings) -> None:
        super().__init__()
        stride, activation = settings.stride, settings.activation
        make = BACKBONES[settings.architecture].maker().for_saliency
        self.backbone: SaliencyBackbone = make(
            settings.architecture, stride, BACKBONE_DILATIONS[stride], settings.backbone.freezes_normalization
        )
        coarsest = getattr(self.backbone, "stride", stride)  # 32 of a model of timm that cannot be dilated
        self.pyramid = AtrousPyramid(self.backbone.channels, DILATIONS[coarsest])
        fine, middle, coarse, _ = self.backbone.level_widths
        self.refinements = nn.ModuleList(
            [
                Refinement(coarse, WIDTH, activation),
                Refinement(middle, REFINED, activation),
                Refinement(fine, REFINED, activation),
            ]
        )
        self.decoder = nn.Sequential(
            *convolution(REFINED, DECODER, 3), nn.ReLU(inplace=True), nn.Conv2d(DECODER, 1, 1)
        )
        self.new_layers_rate = settings.new_layers_rate

    def backbones(self) -> list[Backbone]:
        """The one."""
        return [self.backbone]

    def features(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The pyramid's features N×256×h×w, and those of layers 1, 2 and 3, of RGB N×3×H×W in 0…255."""
        fine, middle, coarse, last = self.backbone.levels(images)
        return self.pyramid(last), [fine, middle, coarse]

    def decode(self, features: Tensor, skips: list[Tensor], size: tuple[int, ...]) -> Tensor:
        """Logits N×1×H×W: each refined map is brought to the next finer size, the last to the image's `size`.

        The decoder works at full size, as published: that is where most of the computation lies.
        """
        sizes = [tuple(skips[1].shape[2:]), tuple(skips[0].shape[2:]), size]
        for refinement, skip, finer in zip(self.refinements, reversed(skips), sizes, strict=True):
            features = resized(refinement(skip, features), finer)
        result: Tensor = self.decoder(features).float()
        return result

    def logits(self, images: Tensor) -> Tensor:
        """N×1×H×W for RGB N×3×H×W in 0…255."""
        features, skips = self.features(images)
        return self.decode(features, skips, tuple(images.shape[2:]))

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]."""
        return self.logits(images).sigmoid()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Binary cross entropy of `image` N×3×H×W against `mask` N×H×W: 0, 1 or 255."""
        return {"loss_saliency": binary_loss(self.logits(batch["image"])[:, 0], batch["mask"])}

    def parameter_groups(self) -> list[ParameterGroup]:
        """The backbone at the base rate, the layers above it at `new_layers_rate`; biases twice."""
        above = nn.ModuleList([self.pyramid, self.refinements, self.decoder])
        return caffe_groups(self.backbone) + caffe_groups(above, self.new_layers_rate)


class AtrousPyramid(nn.Module):
    """1×1, three dilated 3×3 and the image's mean, `WIDTH` channels each, fused by a 3×3 convolution."""

    def __init__(self, channels: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        sizes = [(1, 1), *((3, dilation) for dilation in dilations)]
        self.branches = nn.ModuleList(
            nn.Sequential(*convolution(channels, WIDTH, kernel, dilation), nn.ReLU(inplace=True))
            for kernel, dilation in sizes
        )
        self.whole = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), *convolution(channels, WIDTH, 1), nn.ReLU(inplace=True)
        )
        self.fuse = nn.Sequential(
            *convolution((len(sizes) + 1) * WIDTH, WIDTH, 3), nn.ReLU(inplace=True), nn.Dropout2d(DROPOUT)
        )

    def forward(self, features: Tensor) -> Tensor:
        """N×C×h×w → N×256×h×w."""
        whole = self.whole(features).expand(-1, -1, *features.shape[2:])
        fused: Tensor = self.fuse(torch.cat([whole, *(branch(features) for branch in self.branches)], 1))
        return fused


class Refinement(nn.Module):
    """A skip connection, reduced by a residual bottleneck, joined with the coarser map and convolved."""

    def __init__(self, skip: int, coarser: int, activation: str) -> None:
        from torchvision.models.resnet import Bottleneck

        super().__init__()
        make = ACTIVATIONS[activation]
        self.reduce = Bottleneck(skip, INNER, downsample=nn.Sequential(*convolution(skip, SKIP, 1)))
        self.reduce.conv3, self.reduce.bn3 = convolution(INNER, SKIP, 1)  # torchvision's widens fourfold
        self.reduce.relu = make()
        self.join = nn.Sequential(*convolution(SKIP + coarser, REFINED, 3), make())

    def forward(self, skip: Tensor, coarser: Tensor) -> Tensor:
        """N×C×h×w and a coarser map of any size → N×128×h×w."""
        reduced = self.reduce(skip)
        joined: Tensor = self.join(torch.cat([resized(coarser, tuple(skip.shape[2:])), reduced], 1))
        return joined


def convolution(
    channels: int, width: int, kernel: int, dilation: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution that keeps the size, and its batch normalisation."""
    padding = dilation * (kernel // 2)
    layer = nn.Conv2d(channels, width, kernel, padding=padding, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer, nn.BatchNorm2d(width)


def resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Bilinear, corners not aligned; nothing where the size is right already."""
    if tuple(values.shape[2:]) == size:
        return values
    return functional.interpolate(values, size, mode="bilinear", align_corners=False)
