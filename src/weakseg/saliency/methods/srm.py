"""SRM: a stagewise refinement model for detecting salient objects in images (Wang et al., ICCV 2017).

A whole ResNet gives a coarse map. Each further stage takes the features of a second ResNet, one level finer than the
stage before it, gathers the image's context by pyramid pooling and corrects the map. The later stages share that
second ResNet.
"""

from typing import Literal

from pydantic import Field

from weakseg.saliency.methods.declaration import WHOLE_IMAGES, NetworkMethod
from weakseg.settings.section import Positive
from weakseg.training.settings import TrainingConfig


class SrmSettings(NetworkMethod):
    """SRM, the stagewise refinement model (Wang et al., ICCV 2017)."""

    name = "srm"
    made_by = "Srm"

    new_layers_rate: Positive = 10.0
    """As in `rcrnet`; ten times the base rate, as published. Where the backbone starts without weights, 1 is better."""
    stages: Literal[2, 3] = 3
    """Maps that follow each other; the third is at an eighth of the image."""
    training: TrainingConfig = WHOLE_IMAGES.model_copy(update={"crop": 353, "resize": 353, "batch_size": 8})
    """On whole images of the published size. Published: one image per step, a momentum of 0.99, 300,000 steps, and a
    rate of 1e-10 for the sum over 353² pixels, which on their mean is 1.2e-5."""
    size: int = Field(353, ge=32, le=4096)
    """As in `rcrnet`."""


import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import BACKBONES
from weakseg.backbones.base import UNDILATED, Backbone, SaliencyBackbone, unit_scale
from weakseg.backbones.grid import padding, whole
from weakseg.saliency.methods.parts import SaliencyNetwork, softmax_loss
from weakseg.training.parameters import ParameterGroup, caffe_groups

# Layers as in the released train.prototxt: no bias but that of the coarse map, and a single ReLU, after REDUCED.
BINS = (1, 2, 3, 6)  # section 3.3
POOLED = 512  # channels of each bin size
COARSE = 256  # between the backbone and the first map
REDUCED = (256, 64)  # channels of the two convolutions before a map is corrected
CLASSES = 2  # background, object
STRIDE = 32  # of the coarsest map


class Srm(SaliencyNetwork):
    """Saliency of single images, refined stage by stage.

    The features of a VGG16 are brought to unit scale.
    """

    def __init__(self, settings: SrmSettings) -> None:
        super().__init__()
        make = BACKBONES[settings.architecture].maker().for_saliency
        self.backbone: SaliencyBackbone = make(settings.architecture, STRIDE, UNDILATED, False)
        self.second: SaliencyBackbone = make(settings.architecture, STRIDE, UNDILATED, False)
        self.second.drop_last_stage()  # it ends with C4
        if settings.backbone.freezes_normalization:  # the published training has one image a step
            for backbone in self.backbones():
                backbone.freeze_normalization(statistics_alone=True)
        # Cells of a ResNet lie over pixel 32·i, so that maps are enlarged with their corners aligned; a VGG16's pools
        # of kernel 2 put them over the middle of 32 pixels and leave out what is less.
        self.corners = self.backbone.cells_at_corners
        self.aligned: str | None = getattr(self.backbone, "aligned", None)
        self.coarse = nn.Sequential(
            nn.Conv2d(self.backbone.channels, COARSE, 3, padding=1, bias=False), nn.Conv2d(COARSE, CLASSES, 1)
        )
        fine, middle = self.second.level_widths[1:3]
        self.refinements = nn.ModuleList(
            [Stage(channels, self.corners) for channels in (middle, fine)[: settings.stages - 1]]
        )
        self.new_layers_rate = settings.new_layers_rate

    def backbones(self) -> list[Backbone]:
        """Both."""
        return [self.backbone, self.second]

    def maps(self, images: Tensor) -> list[Tensor]:
        """Scores N×2×h×w of each stage, strides 32, 16 and 8, for RGB N×3×H×W in 0…255.

        On a ResNet they lie over the image padded to 32·k + 1 pixels a side, as 353 are; on models of timm whose cells
        lie over the middle of their pixels, to 32·k.
        """
        if self.aligned is not None:
            images = whole(images, STRIDE, self.aligned)
        coarse = self.backbone.levels(images)[-1]
        fine, middle = self.second.levels(images)[1:3]
        if not self.backbone.unit_features:
            coarse, middle, fine = unit_scale(coarse), unit_scale(middle), unit_scale(fine)
        scores = [self.coarse(coarse)]
        for refinement, features in zip(self.refinements, (middle, fine), strict=False):
            scores.append(refinement(features, scores[-1]))
        return scores

    def enlarged(self, scores: Tensor, size: tuple[int, ...]) -> Tensor:
        """Scores of any stage at the image's pixels, N×2×H×W float32."""
        if self.aligned is None:
            return interpolated(scores.float(), size, corners=False)
        all_cells = tuple(side + padding(side, STRIDE, self.aligned) for side in size)
        return interpolated(scores.float(), all_cells, self.corners)[:, :, : size[0], : size[1]]

    def logits(self, images: Tensor) -> Tensor:
        """N×1×H×W: the last stage's object score minus its background score."""
        scores = self.enlarged(self.maps(images)[-1], tuple(images.shape[2:]))
        return scores[:, 1:] - scores[:, :1]

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]: the softmax of the two scores."""
        return self.logits(images).sigmoid()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of every stage's map, at full size, against `mask` N×H×W; λ is 1 for each (equation 4)."""
        size = tuple(batch["image"].shape[2:])
        return {
            f"loss_stage{number}": softmax_loss(self.enlarged(scores, size), batch["mask"])
            for number, scores in enumerate(self.maps(batch["image"]), start=1)
        }

    def parameter_groups(self) -> list[ParameterGroup]:
        """The two backbones at the base rate, the layers above them at `new_layers_rate`; biases twice."""
        backbones = nn.ModuleList([self.backbone, self.second])
        above = nn.ModuleList([self.coarse, self.refinements])
        return caffe_groups(backbones) + caffe_groups(above, self.new_layers_rate)


class Stage(nn.Module):
    """Corrects a map with finer features: pyramid pooling, two convolutions, and two more beside the map.

    Args:
        channels: of the finer features.
        corners: whether maps are enlarged with their corners aligned.
    """

    def __init__(self, channels: int, corners: bool = True) -> None:
        super().__init__()
        self.corners = corners
        self.pyramid = PyramidPooling(channels, corners)
        first, second = REDUCED
        self.reduce = nn.Sequential(
            _convolution(channels + len(BINS) * POOLED, first, 3),
            _convolution(first, second, 3),
            nn.ReLU(inplace=True),
        )
        self.correct = nn.Sequential(
            _convolution(second + CLASSES, CLASSES, 3), _convolution(CLASSES, CLASSES, 3)
        )

    def forward(self, features: Tensor, scores: Tensor) -> Tensor:
        """N×C×h×w and the coarser scores N×2×h'×w' → scores N×2×h×w."""
        reduced = self.reduce(self.pyramid(features))
        finer = interpolated(scores, tuple(features.shape[2:]), self.corners).to(reduced.dtype)
        corrected: Tensor = self.correct(torch.cat([reduced, finer], 1))
        return corrected


class PyramidPooling(nn.Module):
    """The features beside their means over 1, 2×2, 3×3 and 6×6 parts of the image, 512 channels each.

    A part has as many cells as a side needs for that many parts, rounded up, and the last ones are what is left: at 353
    pixels the released kernels of 23, 12, 8 and 4 of 23 cells, and of 45, 23, 15 and 8 of 45.
    """

    def __init__(self, channels: int, corners: bool = True) -> None:
        super().__init__()
        self.corners = corners
        self.levels = nn.ModuleList(_convolution(channels, POOLED, 1) for _ in BINS)

    def forward(self, features: Tensor) -> Tensor:
        """N×C×h×w → N×(C + 4·512)×h×w."""
        size = tuple(features.shape[2:])
        pooled = []
        for level, parts in zip(self.levels, BINS, strict=True):
            kernel = [-(-side // parts) for side in size]
            means = functional.avg_pool2d(features, kernel, kernel, ceil_mode=True)
            pooled.append(interpolated(level(means), size, self.corners))
        return torch.cat([features, *pooled], 1)


def _convolution(channels: int, width: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False)


def interpolated(values: Tensor, size: tuple[int, ...], corners: bool) -> Tensor:
    """Values N×M×h×w at another size, bilinearly; as they are where they have it."""
    if tuple(values.shape[2:]) == size:
        return values
    return functional.interpolate(values, size, mode="bilinear", align_corners=corners)
