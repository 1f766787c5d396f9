"""AffinityNet (Ahn and Kwak, CVPR 2018, "PSA"): cells whose features are close have a high affinity."""

from pydantic import Field

from weakseg.affinity.networks.declaration import AffinityMethod
from weakseg.settings.section import Positive


class PsaSettings(AffinityMethod):
    """AffinityNet (Ahn and Kwak, 2018)."""

    name = "psa"
    made_by = "Psa"

    radius: int = Field(5, ge=2, le=16)
    """Cells of stride 8 within which pairs lie, in training and in the walk."""
    power: Positive = 8.0
    """β, to which affinities are raised in the walk."""
    background: Positive = 16.0
    """α of the background's score (1 − the strongest attention)^α, where the walk starts from attention."""


from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from weakseg.affinity.neighbours import Offset
from weakseg.affinity.networks.parts import AffinityNetwork
from weakseg.affinity.pairs import difference_affinities
from weakseg.backbones.grid import resize

STRIDE = 8
WIDTHS, GROUPS = (64, 128, 256), (8, 16, 32)  # of conv4, conv5 and fc, and of their group normalisations
GAIN = 4.0  # of the last layer's xavier initialisation


class Psa(AffinityNetwork):
    """The last three stages, each reduced, normalised in groups and joined; affinities of the joined features.

    Args:
        architecture: name of the backbone.
        settings: of the method.
    """

    def __init__(self, architecture: str, settings: PsaSettings) -> None:
        super().__init__(architecture, STRIDE)
        self.train_radius = self.radius = settings.radius
        self.power, self.alpha = settings.power, settings.background
        self.stride = self.strides[-3]
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inside, width, 1, bias=False), nn.GroupNorm(groups, width), nn.ELU())
            for inside, width, groups in zip(self.backbone.widths[-3:], WIDTHS, GROUPS, strict=True)
        )
        for layers in self.reduce:
            nn.init.kaiming_normal_(layers[0].weight)  # type: ignore[index]
        self.join = nn.Conv2d(sum(WIDTHS), sum(WIDTHS), 1, bias=False)
        nn.init.xavier_uniform_(self.join.weight, gain=GAIN)

    def pairs(self, images: Tensor, offsets: Sequence[Offset]) -> tuple[list[Tensor], Tensor]:
        """As of `AffinityNetwork`; scores stay as they are."""
        stages = self.backbone.stage_features(images)[-3:]
        reduced = [layers(stage) for layers, stage in zip(self.reduce, stages, strict=True)]
        size = stages[0].shape[2:]
        joined = torch.cat([resize(values.float(), size, self.aligned) for values in reduced], 1)
        features = functional.elu(self.join(joined)).float()
        return difference_affinities(features, offsets), torch.ones_like(features[:, 0])

    def start(self, attention: np.ndarray) -> np.ndarray:
        """Background (1 − the strongest attention)^α, and the attention."""
        background = (1.0 - attention.max(axis=0, initial=0.0)) ** self.alpha
        return np.concatenate([background[None], attention])

    def finish(self, walked: np.ndarray) -> np.ndarray:
        """As walked."""
        return walked
