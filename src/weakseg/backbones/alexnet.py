"""AlexNet (Krizhevsky, 2014, as torchvision has it), padded so that the cells of every stage lie over one grid."""

import torch
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.weights import NORMALIZATIONS, InitialWeights

_STAGES = ((0, 3), (3, 6), (6, 8), (8, 10), (10, 13))


class AlexNet(Backbone):
    """Five stages of one convolution each, stride 32, torchvision's parameter names.

    Against torchvision the first convolution is padded by 5, not 2, and the pools by 1, not 0: cell i of the last stage
    lies over pixel 32i, and a side of n pixels has ⌈n / 32⌉ cells. The weights are the same.
    """

    architecture = "alexnet"
    channels = 256

    def __init__(self) -> None:
        mean, std, _ = NORMALIZATIONS["torchvision"]
        super().__init__(mean, std)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        for module in self.features:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage, N×256×h×w, not negative."""
        return self.stage_features(images)[-1]

    def stage_features(self, images: Tensor) -> list[Tensor]:
        """What each of the five stages gives, its pool included."""
        features, given = self.normalize(images), []
        for number, (start, stop) in enumerate(_STAGES):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                features = self.features[start:stop](features)
            given.append(features)
        return given

    def freeze(self, stages: int) -> None:
        """Keep the weights of the first `stages` stages as they are."""
        self.frozen_stages = stages
        for start, stop in _STAGES[:stages]:
            self.features[start:stop].requires_grad_(False)

    def load(self, initial: InitialWeights) -> None:
        """Take torchvision's convolutions.

        Raises:
            ValueError: the weights are not those of an AlexNet.
        """
        if initial.state is None:
            raise ValueError("these are not the weights of an AlexNet")
        own = {name: initial.state[name] for name in self.state_dict() if name in initial.state}
        self.load_state_dict(own, strict=False)
        self.take_normalization(initial)
