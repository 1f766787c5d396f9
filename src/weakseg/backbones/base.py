"""What every backbone does with the images it is given."""

import torch
from torch import Tensor, nn

from weakseg.backbones.weights import InitialWeights

RGB = tuple[float, float, float]
EPSILON = 1e-8


class Backbone(nn.Module):
    """Input is RGB N×3×H×W in 0…255 of any dtype.

    The buffers `mean` and `std` (RGB, same range) normalise it and belong to the weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: RGB, std: RGB) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.frozen_stages = 0

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
