"""DeepLab v3+ (Chen et al., ECCV 2018): pooled context at a coarse stride, and a decoder that adds fine features."""

from typing import Any, Literal

from pydantic import Field

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.section import Positive


class DeepLabV3PlusSettings(SegmenterMethod):
    """DeepLab v3+ (Chen et al., 2018)."""

    name = "deeplab_v3_plus"
    made_by = "DeepLabV3Plus"
    scores_stride = 4
    backbones = ("timm/", "resnet50", "resnet101", "mobilenet_v3_large")

    output_stride: Literal[8, 16] = 16
    """Pixels per cell of the features under the head; a model of timm that cannot have it keeps its own."""
    width: int = Field(256, ge=8, le=1024)
    """Channels of the context and of the decoder."""
    low_width: int = Field(48, ge=4, le=256)
    """Channels that the fine features are reduced to."""
    separable: bool = True
    """Depthwise separable convolutions, as the paper's Xception has them; `false`: plain ones."""
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of everything above the backbone."""

    def check(self, section: Any) -> None:
        """Refuse a stride that MobileNetV3 does not have, and a share of one image.

        The head normalises the mean of each image over the batch.
        """
        super().check(section)
        if self.output_stride != 16 and section.backbone.architecture == "mobilenet_v3_large":
            raise ValueError(
                f"{self.name}.output_stride is {self.output_stride}, but mobilenet_v3_large has 16"
            )
        if section.training.share < 2:
            raise ValueError(
                f"training.batch_size gives each process {section.training.share}; {self.name} normalises over its "
                "share of the batch and needs 2 or more"
            )


import torch
from torch import Tensor, nn

from weakseg.backbones.grid import resize
from weakseg.segmenter.networks.features import build_features, scaled
from weakseg.segmenter.networks.parts import SCORE_STD, PixelClassifier, initialize
from weakseg.training.parameters import ParameterGroup, caffe_groups

RATES = (6, 12, 18)  # of stride 16, section 4; twice that at stride 8
FINE = 4  # pixels per cell of the fine features, section 3.1
DROPOUT = 0.1  # of the authors' release: keep_prob 0.9


class DeepLabV3Plus(PixelClassifier):
    """Context of five branches, brought to the fine features' cells and joined with them; two convolutions, scores.

    Where a backbone has no features of stride 4, its finest are taken, of a plain transformer those of an early block.
    Dilated layers have one rate: the multi-grid of the authors' ResNets is left out.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
    """

    least_share = 2

    def __init__(self, architecture: str, classes: int, settings: DeepLabV3PlusSettings) -> None:
        super().__init__()
        self.backbone = build_features(architecture, settings.output_stride)
        strides, widths = self.backbone.strides, self.backbone.widths
        self.fine = max((n for n, stride in enumerate(strides) if stride <= FINE), default=0)
        self.stride, self.aligned = strides[self.fine], self.backbone.aligned
        width, separable = settings.width, settings.separable
        rates = [scaled(rate, 16, self.backbone.stride) for rate in RATES]
        inside = self.backbone.channels
        self.branches = nn.ModuleList(
            [_convolution(inside, width, 1), *(_convolution(inside, width, 3, r, separable) for r in rates)]
        )
        self.mean = _convolution(inside, width, 1)
        self.project = nn.Sequential(_convolution(5 * width, width, 1), nn.Dropout(DROPOUT))
        self.reduce = _convolution(widths[self.fine], settings.low_width, 1)
        self.decode = nn.Sequential(
            _convolution(width + settings.low_width, width, 3, 1, separable),
            _convolution(width, width, 3, 1, separable),
        )
        self.score = initialize(nn.Conv2d(width, classes + 1, 1), SCORE_STD)
        self.new_layers_rate = settings.new_layers_rate

    def logits(self, images: Tensor) -> Tensor:
        """Class scores N×(C+1)×h×w float32 at the stride of the fine features."""
        stages = self.backbone.stage_features(images)
        fine, coarse = stages[self.fine], stages[-1]
        mean = self.mean(coarse.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *coarse.shape[2:])
        context = self.project(torch.cat([*(branch(coarse) for branch in self.branches), mean], 1))
        context = resize(context, fine.shape[2:], self.aligned)
        scores: Tensor = self.score(self.decode(torch.cat([context, self.reduce(fine)], 1))).float()
        return scores

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay, those above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone) + caffe_groups(new, self.new_layers_rate)


def _convolution(
    channels: int, width: int, kernel: int, dilation: int = 1, separable: bool = False
) -> nn.Sequential:
    """A convolution, batch normalisation and ReLU; separable: one a channel before it, with the same two."""
    layers: list[nn.Module] = []
    if separable:
        layers += [
            nn.Conv2d(
                channels, channels, kernel, padding=dilation, dilation=dilation, groups=channels, bias=False
            ),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        kernel = 1
    padding = dilation * (kernel // 2)
    layers += [
        nn.Conv2d(
            channels, width, kernel, padding=padding, dilation=dilation if kernel > 1 else 1, bias=False
        ),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
    return nn.Sequential(*layers)
