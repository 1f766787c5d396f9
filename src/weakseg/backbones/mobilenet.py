"""MobileNetV3-Large (Howard et al., ICCV 2019), torchvision's modules and names."""

import torch
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.backbones.weights import NORMALIZATIONS, InitialWeights


class MobileNet(Backbone):
    """Stages that end where torchvision's networks tap: at blocks that halve the resolution, and last.

    `low` is the number of the stage at stride 8 that LR-ASPP takes details from, of `low_channels` channels; `widths`
    are the channels of all stages.

    Args:
        stride: output stride: 16, dilated as for segmentation, or 32, where stages 1, 2, 3 and 5 have strides 4 to 32.
    """

    architecture = "mobilenet_v3_large"

    def __init__(self, stride: int = 16) -> None:
        from torchvision import models

        mean, std, _ = NORMALIZATIONS["torchvision"]
        super().__init__(mean, std)
        self.features = models.mobilenet_v3_large(weights=None, dilated=stride == 16).features
        strided = [number for number, block in enumerate(self.features) if getattr(block, "_is_cn", False)]
        self._ends = [0, *strided, len(self.features) - 1]
        self.widths = tuple(int(self.features[end].out_channels) for end in self._ends)
        self.low = len(self._ends) - 4
        self.low_channels, self.channels = self.widths[self.low], self.widths[-1]

    def _stages(self) -> list[nn.Sequential]:
        starts = [0, *(end + 1 for end in self._ends[:-1])]
        return [self.features[start : end + 1] for start, end in zip(starts, self._ends, strict=True)]

    def forward(self, images: Tensor) -> Tensor:
        """Features of the last stage, N×960×h×w at the output stride."""
        return self.stage_features(images)[-1]

    def stage_features(self, images: Tensor) -> list[Tensor]:
        """What each stage gives."""
        features, given = self.normalize(images), []
        for number, stage in enumerate(self._stages()):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= self.frozen_stages):
                features = stage(features)
            given.append(features)
        return given

    def freeze(self, stages: int) -> None:
        """Keep the weights of the first `stages` stages as they are."""
        self.frozen_stages = stages
        for stage in self._stages()[:stages]:
            stage.requires_grad_(False)

    def load(self, initial: InitialWeights) -> None:
        """Take torchvision's weights; its classifier is left out.

        Raises:
            ValueError: the weights are not those of a MobileNetV3.
        """
        if initial.state is None:
            raise ValueError("these are not the weights of a MobileNetV3")
        own = {name: initial.state[name] for name in self.state_dict() if name in initial.state}
        self.load_state_dict(own, strict=False)
        self.take_normalization(initial)
