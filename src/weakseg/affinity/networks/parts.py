"""What both affinity networks share: the backbone with its grid of cells, and how they learn from label maps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weakseg.affinity.neighbours import Offset, neighbours
from weakseg.affinity.pairs import pair_loss
from weakseg.backbones import BACKBONES
from weakseg.backbones.base import UNDILATED
from weakseg.backbones.grid import CENTRES, CORNERS, whole
from weakseg.backbones.vgg import Vgg
from weakseg.backbones.weights import InitialWeights
from weakseg.storage.labels import UNDECIDED
from weakseg.training.parameters import ParameterGroup, caffe_groups

VGG_STRIDES = {8: (2, 4, 8, 8, 8), 16: (2, 4, 8, 16, 16)}
"""Stride of a VGG's last stage → those of all its stages."""


class AffinityNetwork(nn.Module, ABC):
    """Affinities between the cells of a grid over the image.

    Args:
        architecture: name of the backbone.
        stride: of the backbone's last stage.

    Attributes:
        backbone: holds the normalisation.
        strides: pixels of the image per cell, of each of its stages.
        stride: of the grid.
        aligned: where the cells lie, a name of `grid`.
        train_radius, radius: of the pairs it learns from and of those that a walk takes, cells.
        power: β of the walk.
        new_layers_rate: learning-rate multiplier of the layers above the backbone.
    """

    stride: int
    train_radius: int
    radius: int
    power: float
    new_layers_rate: float = 10.0

    def __init__(self, architecture: str, stride: int) -> None:
        super().__init__()
        made: Any = BACKBONES[architecture].maker()
        self.backbone = made.for_saliency(architecture, stride, UNDILATED, False)
        vgg = isinstance(self.backbone, Vgg)
        self.strides: tuple[int, ...] = VGG_STRIDES[stride] if vgg else tuple(self.backbone.strides)
        self.aligned = CORNERS if self.backbone.cells_at_corners else CENTRES

    @abstractmethod
    def pairs(self, images: Tensor, offsets: Sequence[Offset]) -> tuple[list[Tensor], Tensor]:
        """Affinities of RGB N×3×H×W in 0…255, whole cells.

        Returns:
            For each offset N×h'×w', the pairs inside of the grid; and what scores are multiplied by before a walk,
            N×h×w.
        """

    @abstractmethod
    def start(self, attention: np.ndarray) -> np.ndarray:
        """What a walk takes of attention K×h×w: M×h×w."""

    @abstractmethod
    def finish(self, walked: np.ndarray) -> np.ndarray:
        """Scores (K+1)×h×w, background first, of what `start` gave after the walk."""

    def load(self, initial: InitialWeights) -> None:
        """Take the backbone's weights."""
        self.backbone.load(initial)

    def whole_cells(self, images: Tensor) -> Tensor:
        """Images padded at the right and below to whole cells of the coarsest stage."""
        return whole(images, max(self.strides), self.aligned)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The loss of pairs against `labels` N×H×W, 255 where undecided."""
        offsets = neighbours(self.train_radius)
        found, kept = self.pairs(self.whole_cells(batch["image"]), offsets)
        size = (int(kept.shape[1]), int(kept.shape[2]))
        labels = cell_labels(batch["labels"], size, self.stride, self.aligned)
        return {"loss_pairs": pair_loss([each.float() for each in found], labels, offsets)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 without decay; above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone) + caffe_groups(new, self.new_layers_rate)


def cell_labels(labels: Tensor, size: tuple[int, int], stride: int, aligned: str) -> Tensor:
    """Labels N×H×W of pixels → N×h×w of the cells over them; 255 where a cell lies outside of the image."""
    first = stride // 2 if aligned == CENTRES else 0
    rows, columns = (first + stride * torch.arange(count, device=labels.device) for count in size)
    height, width = labels.shape[1:]
    cut = labels[:, rows.clamp(max=height - 1)][:, :, columns.clamp(max=width - 1)]
    inside = (rows < height)[:, None] & (columns < width)
    return torch.where(inside, cut, torch.full_like(cut, UNDECIDED))
