"""Segmenters: what they learn from, and how."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.backbones.settings import BackboneConfig
from weakseg.segmenter.networks import NETWORKS
from weakseg.segmenter.prediction.settings import PredictionConfig
from weakseg.settings.methods import Choice
from weakseg.training.settings import TrainingConfig


class SegmenterConfig(Choice, methods=NETWORKS):
    """The network that users keep."""

    beside = frozenset({"rounds", "prediction"})

    method: str = "largefov"
    """Name of the segmenter."""
    labels: Literal["proxy", "masks"] = "proxy"
    """`proxy`: refined proxy labels. `masks`: the true masks, the supervised ceiling; never a weak result."""
    backbone: BackboneConfig = BackboneConfig()
    """As in attention; `weights: attention` starts from the backbone that this run's attention network trained,
    which must be of the same architecture."""
    loss: Literal["cross_entropy", "bootstrapped", "symmetric"] = "cross_entropy"
    """Against wrong labels: `bootstrapped` believes a label 0.8 and the network's own answer 0.2 (Reed et al., 2015);
    `symmetric` adds the cross entropy the other way round (Wang et al., 2019). Undecided pixels never count."""
    balance: Literal["none", "foreground"] = "none"
    """`foreground`: background and foreground weigh the same in each batch (Huang et al., 2018)."""
    negatives: float | None = Field(None, ge=0, lt=1)
    """Share of each batch that are negatives, the training images that show none of the classes: all background. `null`
    as they come; 0 leaves them out. Not read where the training images have none, or nothing else."""
    corrected_share: float | None = Field(None, ge=0, le=1)
    """Share of each batch that are corrected images, those whose label maps people drew; `null` as they come. Not read
    where no training image is corrected, or every one."""
    rounds: int = Field(1, ge=1, le=9)
    """Trainings: from the second on, each learns from the predictions of the one before on the training images,
    restricted to the image's classes and refined as `proxy.refine` says."""
    training: TrainingConfig = TrainingConfig(batch_size=10, iterations=16_000)
    prediction: PredictionConfig = PredictionConfig()

    def idle(self) -> set[str]:
        """Without a value `corrected_share` says nothing."""
        return super().idle() | ({"corrected_share"} if self.corrected_share is None else set())

    @model_validator(mode="after")
    def _shares_fit_into_a_batch(self) -> Self:
        negatives, corrected = self.negatives or 0.0, self.corrected_share or 0.0
        if negatives + corrected > 1:
            raise ValueError(
                f"corrected_share is {corrected} and negatives is {negatives}, more than a whole batch together; "
                "lower one"
            )
        if corrected and self.labels == "masks":
            raise ValueError(
                f"corrected_share is {corrected} with labels: masks, which corrections do not touch; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _remakes_proxies_alone(self) -> Self:
        if self.rounds > 1 and self.labels == "masks":
            raise ValueError(f"rounds is {self.rounds} with labels: masks; only proxy labels are remade")
        return self
