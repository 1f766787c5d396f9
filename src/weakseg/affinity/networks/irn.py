"""IRNet's edge branch (Ahn, Cho and Kwak, CVPR 2019): cells with no edge between them have a high affinity.

The branch of displacements, which tells instances apart, is left out: label maps do not need it.
"""

from pydantic import Field

from weakseg.affinity.networks.declaration import AffinityMethod
from weakseg.settings.section import Fraction, Positive


class IrnSettings(AffinityMethod):
    """IRNet's edges (Ahn, Cho and Kwak, 2019)."""

    name = "irn"
    made_by = "Irn"

    train_radius: int = Field(10, ge=2, le=16)
    """Cells of stride 4 within which pairs lie in training."""
    radius: int = Field(5, ge=2, le=16)
    """The same in the walk."""
    power: Positive = 10.0
    """β, to which affinities are raised in the walk."""
    background: Fraction = 0.25
    """Score of background, where the walk starts from attention; the largest score of a class is 1."""


from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from weakseg.affinity.neighbours import Offset
from weakseg.affinity.networks.parts import AffinityNetwork
from weakseg.affinity.pairs import path_affinities
from weakseg.backbones.grid import resize
from weakseg.training.parameters import ParameterGroup, caffe_groups

COARSEST = 16  # of the release's last stage, which is not dilated
FINE = 4  # pixels per cell of the edges
WIDTH, GROUPS = 32, 4


class Irn(AffinityNetwork):
    """Edges from all stages of a frozen backbone, each reduced to 32 channels and brought to stride 4.

    Args:
        architecture: name of the backbone.
        settings: of the method.
    """

    def __init__(self, architecture: str, settings: IrnSettings) -> None:
        super().__init__(architecture, COARSEST)
        self.backbone.requires_grad_(False)
        self.train_radius, self.radius = settings.train_radius, settings.radius
        self.power, self.background = settings.power, settings.background
        self.fine = max((n for n, stride in enumerate(self.strides) if stride <= FINE), default=0)
        self.stride = self.strides[self.fine]
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inside, WIDTH, 1, bias=False), nn.GroupNorm(GROUPS, WIDTH), nn.ReLU())
            for inside in self.backbone.widths
        )
        self.edge = nn.Conv2d(WIDTH * len(self.reduce), 1, 1)

    def pairs(self, images: Tensor, offsets: Sequence[Offset]) -> tuple[list[Tensor], Tensor]:
        """As of `AffinityNetwork`; scores lose their share on edges."""
        with torch.no_grad():  # the stages are frozen
            stages = self.backbone.eval().stage_features(images)
        size = stages[self.fine].shape[2:]
        reduced = [
            resize(layers(stage).float(), size, self.aligned)
            for layers, stage in zip(self.reduce, stages, strict=True)
        ]
        edges = self.edge(torch.cat(reduced, 1)).float().sigmoid()[:, 0]
        return path_affinities(edges, offsets), 1.0 - edges

    def parameter_groups(self) -> list[ParameterGroup]:
        """Those above the backbone, which is frozen, times `new_layers_rate`."""
        return caffe_groups(nn.ModuleList([self.reduce, self.edge]), self.new_layers_rate)

    def start(self, attention: np.ndarray) -> np.ndarray:
        """The attention."""
        return attention

    def finish(self, walked: np.ndarray) -> np.ndarray:
        """Divided by the largest, with a constant for background."""
        largest = max(float(walked.max(initial=0.0)), 1e-8)
        return np.concatenate([np.full_like(walked[:1], self.background), walked / largest])
