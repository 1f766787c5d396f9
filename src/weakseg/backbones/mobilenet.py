"""MobileNetV3-Large (Howard et al., ICCV 2019), torchvision's modules and names.

It stays beside timm's, for torchvision's weights: their layers are named and padded otherwise.
"""

from collections.abc import Sequence

from weakseg.backbones.architecture import Architecture, Torchvision


class MobileNetArchitecture(Architecture):
    """MobileNetV3-Large."""

    name = "mobilenet_v3_large"
    made_by = "MobileNet"
    rooms = frozenset({"detector"})
    pyramid = True
    torchvision = Torchvision()
    pixel_bytes = 5000
    network_mb = 400


from torch import nn

from weakseg.backbones.base import Chain
from weakseg.backbones.grid import CORNERS
from weakseg.backbones.weights import NORMALIZATIONS


class MobileNet(Chain):
    """Stages that end where torchvision's networks tap: at blocks that halve the resolution, and last.

    `widths` are the channels of all stages, `strides` their pixels of the image per cell.

    Args:
        stride: output stride: 16, dilated as for segmentation, or 32, where stages 1, 2, 3 and 5 have strides 4 to 32.
    """

    architecture = "mobilenet_v3_large"
    aligned = CORNERS

    def __init__(self, stride: int = 16) -> None:
        from torchvision import models

        mean, std, _ = NORMALIZATIONS["torchvision"]
        super().__init__(mean, std)
        self.stride = stride
        self.features = models.mobilenet_v3_large(weights=None, dilated=stride == 16).features
        strided = [number for number, block in enumerate(self.features) if getattr(block, "_is_cn", False)]
        self._ends = [0, *strided, len(self.features) - 1]
        self.widths = tuple(int(self.features[end].out_channels) for end in self._ends)
        halvings = (1, 2, 3, 3 if stride == 8 else 4, 5 if stride == 32 else 4, 5 if stride == 32 else 4)
        self.strides = tuple(2**times for times in halvings[: len(self._ends)])
        self.channels = self.widths[-1]

    def _stages(self) -> list[Sequence[nn.Module]]:
        starts = [0, *(end + 1 for end in self._ends[:-1])]
        return [tuple(self.features[start : end + 1]) for start, end in zip(starts, self._ends, strict=True)]
