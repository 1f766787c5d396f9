"""Affinity networks and walks."""

from typing import Literal

from pydantic import Field

from weakseg.affinity.networks import NETWORKS
from weakseg.backbones.settings import BackboneConfig
from weakseg.settings.methods import Choice
from weakseg.settings.section import Positive, RunName, Section
from weakseg.training.settings import TrainingConfig


class WalkConfig(Section):
    """How scores spread by affinities."""

    start: Literal["fused", "attention"] = "fused"
    """`fused`: what is decided in the fused proxies spreads; `attention`: the attention maps, with the method's own
    score of background, as published: saliency then only chooses what the network learns from."""
    where: Literal["everywhere", "undecided"] = "everywhere"
    """`undecided`: pixels that the fused proxies decide keep their label."""
    steps: int = Field(256, ge=1, le=4096)
    """Steps of the walk; both papers have 2⁸."""
    longest: int | None = Field(1024, ge=64)
    """Longer side in pixels to which larger images are shrunk for the network and the walk, which bounds memory and
    time; the scores are enlarged again. `null`: never."""
    flip: bool = True
    """Also look at the mirrored image and take the mean of both affinities."""


class AffinityConfig(Choice, methods=NETWORKS):
    """A network that learns, from fused proxies, which neighbours belong together; proxies then spread by it."""

    beside = frozenset({"from_run", "walk"})

    from_run: RunName | None = None
    """Name of the run whose affinity network and labels are taken as they are; set with `proxy.from_run`."""
    method: str = "none"
    """Name of the affinity network; `none`: fused proxies are refined as they are."""
    backbone: BackboneConfig = BackboneConfig()
    """As in segmenter, `attention` too."""
    new_layers_rate: Positive = 10.0
    """Learning-rate multiplier of the layers above the backbone, as published."""
    training: TrainingConfig = TrainingConfig(
        iterations=4000, batch_size=8, learning_rate=1e-2, crop=448, scales=(0.5, 1.5)
    )
    """`psa`: published are rate 0.1, weight decay 5e-4, batches of 8 crops of 448; `irn`: 0.1, 1e-4, 32 of 512."""
    walk: WalkConfig = WalkConfig()

    def idle(self) -> set[str]:
        """Without a network nothing but `method` is read."""
        return super().idle() if self.trains else set(type(self).model_fields) - {"method"}

    @property
    def trains(self) -> bool:
        """Whether there is a network."""
        return bool(self.own.trains)
