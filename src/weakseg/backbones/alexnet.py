"""AlexNet (Krizhevsky, 2014, as torchvision has it), padded so that the cells of every stage lie over one grid.

FCN-AlexNet needs it; timm has none.
"""

from collections.abc import Sequence

from weakseg.backbones.architecture import Architecture, Torchvision


class AlexNetArchitecture(Architecture):
    """AlexNet."""

    name = "alexnet"
    made_by = "AlexNet"
    torchvision = Torchvision()
    pixel_bytes = 2500
    network_mb = 1000


from torch import nn

from weakseg.backbones.base import Chain
from weakseg.backbones.weights import NORMALIZATIONS

_STAGES = ((0, 3), (3, 6), (6, 8), (8, 10), (10, 13))


class AlexNet(Chain):
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

    def _stages(self) -> list[Sequence[nn.Module]]:
        return [tuple(self.features[start:stop]) for start, stop in _STAGES]
