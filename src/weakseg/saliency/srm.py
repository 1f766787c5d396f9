"""SRM: a stagewise refinement model for detecting salient objects in images (Wang et al., ICCV 2017).

A whole ResNet gives a coarse map. Each further stage takes the features of a second ResNet, one level finer than the
stage before it, gathers the image's context by pyramid pooling and corrects the map. The later stages share that
second ResNet.
"""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.backbones import staged, unit_scale
from weakseg.saliency.losses import softmax_loss
from weakseg.saliency.rcrnet import resized
from weakseg.training.parameters import ParameterGroup, caffe_groups

BINS = (
    1,
    2,
    3,
    6,
)  # section 3.3; at 353 pixels the released kernels of 23, 12, 8 and 4 cells (45, 23, 15, 8)
POOLED = 512  # channels of each bin size
COARSE = 256  # between the backbone and the first map
REDUCED = (256, 64)  # channels of the two convolutions before a map is corrected
CLASSES = 2  # background, object


class Srm(nn.Module):
    """Saliency of single images, refined stage by stage.

    Args:
        architecture: `resnet50`, `resnet101` or `vgg16`, whose features are brought to unit scale.
        stages: 2 or 3; the last one's map is the result.
        frozen_batch_norm: batch normalisation stays as it is; the published training sees one image a step.
        new_layers_rate: learning-rate multiplier of everything above the two backbones.
    """

    def __init__(
        self,
        architecture: str = "resnet50",
        stages: int = 3,
        frozen_batch_norm: bool = False,
        new_layers_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = staged(architecture, 32, frozen_normalization=frozen_batch_norm)
        self.second = staged(architecture, 32, frozen_normalization=frozen_batch_norm)
        self.second.drop_last_stage()  # it ends with C4
        self.coarse = nn.Sequential(
            nn.Conv2d(self.backbone.channels, COARSE, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(COARSE, CLASSES, 3, padding=1),
        )
        _, _, fine, middle, _ = self.second.widths
        self.refinements = nn.ModuleList([Stage(channels) for channels in (middle, fine)[: stages - 1]])
        self.new_layers_rate = new_layers_rate

    def maps(self, images: Tensor) -> list[Tensor]:
        """Scores N×2×h×w of each stage, strides 32, 16 and 8, for RGB N×3×H×W in 0…255."""
        coarse = self.backbone(images)
        _, _, fine, middle, _ = self.second.stage_features(images)
        if not self.backbone.unit_features:
            coarse, middle, fine = unit_scale(coarse), unit_scale(middle), unit_scale(fine)
        scores = [self.coarse(coarse)]
        for refinement, features in zip(self.refinements, (middle, fine), strict=False):
            scores.append(refinement(features, scores[-1]))
        return scores

    def logits(self, images: Tensor) -> Tensor:
        """N×1×H×W: the last stage's object score minus its background score."""
        scores = self.maps(images)[-1].float()
        return resized(scores[:, 1:] - scores[:, :1], tuple(images.shape[2:]))

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]: the softmax of the two scores."""
        return self.logits(images).sigmoid()

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy of every stage's map, at full size, against `mask` N×H×W; λ is 1 for each (equation 4)."""
        size = tuple(batch["image"].shape[2:])
        return {
            f"loss_stage{number}": softmax_loss(resized(scores.float(), size), batch["mask"])
            for number, scores in enumerate(self.maps(batch["image"]), start=1)
        }

    def parameter_groups(self) -> list[ParameterGroup]:
        """The two backbones at the base rate, the layers above them at `new_layers_rate`; biases twice."""
        backbones = nn.ModuleList([self.backbone, self.second])
        above = nn.ModuleList([self.coarse, self.refinements])
        return caffe_groups(backbones) + caffe_groups(above, self.new_layers_rate)


class Stage(nn.Module):
    """Corrects a map with finer features: pyramid pooling, two convolutions, and two more beside the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pyramid = PyramidPooling(channels)
        first, second = REDUCED
        self.reduce = nn.Sequential(
            nn.Conv2d(channels + len(BINS) * POOLED, first, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.correct = nn.Sequential(
            nn.Conv2d(second + CLASSES, CLASSES, 3, padding=1), nn.Conv2d(CLASSES, CLASSES, 3, padding=1)
        )

    def forward(self, features: Tensor, scores: Tensor) -> Tensor:
        """N×C×h×w and the coarser scores N×2×h'×w' → scores N×2×h×w."""
        reduced = self.reduce(self.pyramid(features))
        corrected: Tensor = self.correct(
            torch.cat([reduced, resized(scores, tuple(features.shape[2:])).to(reduced.dtype)], 1)
        )
        return corrected


class PyramidPooling(nn.Module):
    """The features beside their means over 1, 2×2, 3×3 and 6×6 parts of the image, 512 channels each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, POOLED, 1), nn.ReLU(inplace=True)) for _ in BINS
        )

    def forward(self, features: Tensor) -> Tensor:
        """N×C×h×w → N×(C + 4·512)×h×w."""
        size = tuple(features.shape[2:])
        pooled = [
            resized(level(functional.adaptive_avg_pool2d(features, parts)), size)
            for level, parts in zip(self.levels, BINS, strict=True)
        ]
        return torch.cat([features, *pooled], 1)
