"""What every backbone does with the images it is given."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from weakseg.backbones.weights import InitialWeights
from weakseg.errors import InputError

RGB = tuple[float, float, float]
EPSILON = 1e-8
Dilations = tuple[tuple[int, int], tuple[int, int]]
"""Of a ResNet's layers 3 and 4: that of the first block's 3×3 convolution, and that of the other blocks'."""
UNDILATED: Dilations = ((1, 1), (1, 1))


class Backbone(nn.Module, ABC):
    """Stages of features. Input is RGB N×3×H×W in 0…255 of any dtype.

    The buffers `mean` and `std` (RGB, same range) normalise it and belong to the weights.

    Attributes:
        architecture: its name in the table of backbones.
        channels: of the last stage's features.
        widths: channels of all stages.
        unit_features: the features have about unit scale; VGG16's reach hundreds.
        cells_at_corners: cell i of stride s lies over pixel s·i, not over the middle of s pixels.
        frozen_normalization: batch normalisation stays as it was loaded.
    """

    architecture: str
    channels: int
    widths: tuple[int, ...]
    unit_features: bool = False
    cells_at_corners: bool = False
    mean: Tensor
    std: Tensor

    def __init__(self, mean: RGB, std: RGB) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.frozen_stages = 0
        self.frozen_normalization = False

    @abstractmethod
    def _run(self, images: Tensor) -> Iterator[Tensor]:
        """What each stage gives, one after the other."""

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage, N×`channels`×h×w."""
        for features in self._run(images):
            last = features
        return last

    def stage_features(self, images: Tensor) -> list[Tensor]:
        """What each stage gives."""
        return list(self._run(images))

    @abstractmethod
    def freeze(self, stages: int) -> None:
        """Keep the first `stages` stages as they are: their edge filters serve any images, and a step is cheaper."""

    def freeze_normalization(self, *, statistics_alone: bool = False) -> None:
        """Keep the statistics of batch normalisation, which small batches spoil, and its weights and biases.

        Args:
            statistics_alone: weights and biases learn.
        """
        self.frozen_normalization = True
        for module in self._normalizations():
            module.requires_grad_(statistics_alone)

    def _normalizations(self) -> list[nn.Module]:
        return [module for module in self.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]

    def train(self, mode: bool = True) -> Self:
        """Frozen batch normalisation stays in evaluation mode."""
        super().train(mode)
        if self.frozen_normalization:
            for module in self._normalizations():
                module.eval()
        return self

    def load(self, initial: InitialWeights) -> None:
        """Take torchvision's weights of the modules that are here; its classifier is left out.

        Raises:
            ValueError: the weights are not of this architecture.
        """
        if initial.state is None:
            raise ValueError(f"these are not torchvision's weights of {self.architecture}")
        # What torchvision lacks is new: the offsets of deformable convolutions. The rest was checked on reading.
        own = {name: initial.state[name] for name in self.state_dict() if name in initial.state}
        self.load_state_dict(own, strict=False)
        self.take_normalization(initial)

    def take_trained(self, state: Mapping[str, Tensor]) -> None:
        """Take the state of the attention network's backbone.

        The offsets of deformable convolutions, which only this one has, start from zero. Later stages that only the
        other one has are left out.

        Raises:
            InputError: the other one ends before this one does.
        """
        own = self.state_dict()
        lacking = [name for name in own if name not in state and ".offset." not in name]
        if lacking:
            raise InputError(
                f"backbone.weights is 'attention', whose {self.architecture} ends before '{lacking[0]}': it cannot be "
                "dilated to the stride of the maps and does without its last layers; name published weights here."
            )
        self.load_state_dict(own | {name: value for name, value in state.items() if name in own})

    def normalize(self, images: Tensor) -> Tensor:
        """Subtract the mean and divide by the deviation; N×3×H×W float32."""
        normalized: Tensor = (images.float() - self.mean) / self.std
        return normalized

    @property
    def fill(self) -> tuple[int, int, int]:
        """The colour that normalises to (almost) zero: what crops are padded with, RGB 0…255."""
        red, green, blue = (round(value) for value in self.mean.flatten().tolist())
        return red, green, blue

    @torch.no_grad()
    def take_normalization(self, initial: InitialWeights) -> None:
        """Take the mean and deviation that the weights expect."""
        self.mean.copy_(torch.tensor(initial.mean).view(1, 3, 1, 1))
        self.std.copy_(torch.tensor(initial.std).view(1, 3, 1, 1))


class Chain(Backbone):
    """A backbone whose stages are lists of modules, each applied to what the one before gives."""

    @abstractmethod
    def _stages(self) -> Sequence[Sequence[nn.Module]]:
        """The modules of each stage, in the order in which they are applied."""

    def _run(self, images: Tensor) -> Iterator[Tensor]:
        features = self.normalize(images)
        for number, stage in enumerate(self._stages()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                for module in stage:
                    features = module(features)
            yield features

    def freeze(self, stages: int) -> None:
        """As of `Backbone`."""
        self.frozen_stages = stages
        for stage in self._stages()[:stages]:
            for module in stage:
                module.requires_grad_(False)


@dataclass(frozen=True)
class Pools:
    """How a VGG is built under an attention network: see `Vgg.for_attention`; other backbones do not read it."""

    fourth: bool = True
    last: bool = False
    kernel: int = 2
    dilation: int = 1


class AttentionBackbone(Backbone):
    """A backbone of attention networks.

    Attributes:
        head_width, dense_width: channels of the convolutions of a head, and of ACoL's.
        head_dropout: of SPG-A.
        side_channels, side_width: channels of the features that SPG's B1 and B2 see, and inside B1 and B2.
        map_multiple: pixels; of images with such sides the cells cover the image and nothing else.
    """

    head_width: int
    dense_width: int
    head_dropout: float = 0.0
    side_channels: tuple[int, int]
    side_width: int
    map_multiple: int = 32

    @classmethod
    @abstractmethod
    def for_attention(cls, architecture: str, stride: int, pools: Pools, *, exact: bool = True) -> Self:
        """At output stride 8 or 16; not `exact`: at the network's own where it cannot have this one."""

    @abstractmethod
    def side_features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The features that SPG's B1, B2 and A see, each N×D×h×w."""


class SaliencyBackbone(Backbone):
    """A backbone of saliency networks: it has stages of the strides 4, 8, 16 and 32, its levels.

    Attributes:
        first_level: number of the stage of stride 4.
    """

    first_level: int = 1

    @classmethod
    @abstractmethod
    def for_saliency(cls, architecture: str, stride: int, dilations: Dilations, frozen: bool) -> Self:
        """With no stage coarser than the stride 8, 16 or 32, where it can be dilated; a ResNet's dilations are given.

        Args:
            architecture: its name in the table.
            stride: of the last stage.
            dilations: of a ResNet.
            frozen: keep the batch normalisation as it is loaded.
        """

    def levels(self, images: Tensor) -> list[Tensor]:
        """Features of strides 4, 8, 16 and of the last stage."""
        return self.stage_features(images)[self.first_level :]

    @property
    def level_widths(self) -> tuple[int, ...]:
        """Their channels."""
        return self.widths[self.first_level :]

    @abstractmethod
    def drop_last_stage(self) -> None:
        """End with the fourth stage."""


def unit_scale(features: Tensor) -> Tensor:
    """Features N×D×h×w, each image's divided by their root mean square.

    VGG16's reach hundreds without batch normalisation; randomly initialised layers above them die in their first
    steps: SPG's mask branches then predict background everywhere.
    """
    square = features.float().square().mean(dim=(1, 2, 3), keepdim=True)
    return features / (square.sqrt() + EPSILON).to(features.dtype)
