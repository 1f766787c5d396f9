"""Saliency networks and maps."""

from typing import Self

from pydantic import model_validator

from weakseg.saliency.methods import METHODS
from weakseg.saliency.methods.declaration import NetworkMethod
from weakseg.settings.methods import Choice
from weakseg.settings.section import RunName
from weakseg.training.settings import TrainingConfig


class SaliencyConfig(Choice, methods=METHODS):
    """Which pixels stand out, whatever they show."""

    beside = frozenset({"from_run", "flip"})

    from_run: RunName | None = None
    """Name of another run, of the same images and `shards`, whose saliency maps are taken as they are,
    with the values that made them. `null`: made here."""
    method: str = "small"
    """Which of the sections below is used."""
    flip: bool = False
    """Average each map with that of the mirrored image, mirrored back: better maps in twice the time. For methods that
    ask a network (not `unsupervised` and `folder`)."""

    @model_validator(mode="after")
    def _mirrors_networks_alone(self) -> Self:
        if self.flip and not self.own.mirrors:
            raise ValueError(
                f"flip is true, but the maps of method '{self.method}' do not come from a network; set flip to false"
            )
        return self

    @property
    def training(self) -> TrainingConfig:
        """How the network of the chosen method is trained."""
        chosen: TrainingConfig = self.own.training
        return chosen

    def network(self) -> NetworkMethod | None:
        """The section of the chosen method, if that is a network that starts from ImageNet."""
        return self.own if isinstance(self.own, NetworkMethod) else None

    @property
    def trains(self) -> bool:
        """Whether a run with this section trains a saliency network."""
        return bool(self.own.trains)

    @property
    def reads_split_masks(self) -> bool:
        """Whether the training learns from masks of the index."""
        network = self.network()
        return network is None or network.data.source == "split"

    def training_reads(self) -> dict[str, str]:
        """Key → file or folder outside of the run that a training reads."""
        return self._whole(self.own.training_reads())

    def maps_read(self) -> dict[str, str]:
        """Key → file or folder outside of the run that its maps come from, where nothing is trained."""
        return self._whole(self.own.maps_read())

    def _whole(self, read: dict[str, str]) -> dict[str, str]:
        return {f"saliency.{self.method}.{key}": value for key, value in read.items()}
