"""A whole segmenter in one file, as somebody would add it: its settings, then its network.

`test_add_a_method.py` puts this file into `weakseg/segmenter/networks/` and one line into the table there.
"""

from typing import Any

from pydantic import Field

from weakseg.segmenter.networks.declaration import SegmenterMethod


class ToySettings(SegmenterMethod):
    """One hidden layer on the features of a VGG."""

    name = "toy"
    made_by = "Toy"
    backbones = ("vgg_small",)

    hidden: int = Field(8, ge=1, le=64)
    """Channels of the hidden layer."""

    def check(self, section: Any) -> None:
        """Refuse a hidden layer that is narrower than what a balanced loss needs."""
        super().check(section)
        if self.hidden < 2 and section.balance != "none":
            raise ValueError(f"toy.hidden is {self.hidden}; with balance 2 or more are needed")


import torch
from torch import Tensor, nn

from weakseg.backbones.vgg import Vgg
from weakseg.segmenter.networks.parts import PixelClassifier
from weakseg.training.parameters import ParameterGroup, caffe_groups


class Toy(PixelClassifier):
    """Two 1×1 convolutions at stride 8."""

    stride = 8

    def __init__(self, architecture: str, classes: int, settings: ToySettings) -> None:
        super().__init__()
        self.backbone: Vgg = Vgg(architecture, pool_strides=(2, 2, 2, 1, 1), pool_kernel=3)
        self.hidden = nn.Conv2d(self.backbone.channels, settings.hidden, 1)
        self.score = nn.Conv2d(settings.hidden, classes + 1, 1)

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32."""
        scores: Tensor = self.score(torch.relu(self.hidden(self.backbone(images)))).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Every parameter at the base rate."""
        return caffe_groups(self)
