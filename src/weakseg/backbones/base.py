"""What every backbone does with the images it is given."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from weakseg.backbones.weights import InitialWeights

RGB = tuple[float, float, float]
EPSILON = 1e-8


class Backbone(nn.Module, ABC):
    """A chain of stages. Input is RGB N×3×H×W in 0…255 of any dtype.

    The buffers `mean` and `std` (RGB, same range) normalise it and belong to the weights.
    """

    architecture: str
    mean: Tensor
    std: Tensor

    def __init__(self, mean: RGB, std: RGB) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.frozen_stages = 0

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

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage, N×`channels`×h×w."""
        for features in self._run(images):
            last = features
        return last

    def stage_features(self, images: Tensor) -> list[Tensor]:
        """What each stage gives."""
        return list(self._run(images))

    def freeze(self, stages: int) -> None:
        """Keep the first `stages` stages as they are: their edge filters serve any images, and a step is cheaper."""
        self.frozen_stages = stages
        for stage in self._stages()[:stages]:
            for module in stage:
                module.requires_grad_(False)

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


def unit_scale(features: Tensor) -> Tensor:
    """Features N×D×h×w, each image's divided by their root mean square.

    VGG16's reach hundreds without batch normalisation; layers that start from noise above them die in their first
    steps: SPG's mask branches call everything background.
    """
    square = features.float().square().mean(dim=(1, 2, 3), keepdim=True)
    return features / (square.sqrt() + EPSILON).to(features.dtype)
