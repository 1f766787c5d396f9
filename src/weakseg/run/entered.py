"""The supervision sources of a run: networks, and files and folders from outside. The ledger lists them."""

from dataclasses import dataclass, field
from pathlib import Path

from weakseg.run.table import Table
from weakseg.weights.known import Known


@dataclass(frozen=True)
class Entered:
    """Supervision sources of a run.

    Attributes:
        weights: room → its network, trained by this run or another one.
        outside: room → the file or folder of its maps, where no network is trained.
        unsupervised: rooms whose maps need no labels.
        known: room → the published weights of its maps; their table says what they are.
    """

    weights: dict[str, Path]
    outside: dict[str, Path]
    unsupervised: list[str]
    known: dict[str, Known] = field(default_factory=dict)

    @property
    def files(self) -> list[Path]:
        """All files and folders."""
        return [*self.weights.values(), *self.outside.values()]


def entered(table: Table) -> Entered:
    """The supervision sources of a run; of a run that trains on masks, only the networks."""
    weights = {stage.room: stage.weights for stage in table.trainings() if stage.room != "segmenter"}
    weights["segmenter"] = table["segmenter_weights"].weights
    outside: dict[str, Path] = {}
    saliency, attention = table.config.saliency, table.config.attention
    if "all" not in table["saliency_maps"].targets:
        return Entered(weights, outside, [])
    files, known = [Path(path) for path in saliency.maps_read().values()], saliency.own.known()
    if files and known is None:
        (outside if saliency.network() is None else weights)["saliency"] = files[0]
    if "attention_train" not in table:
        outside["attention"] = Path(attention.own.folder)
    unsupervised = ["saliency"] * (saliency.method == "unsupervised")
    return Entered(weights, outside, unsupervised, {"saliency": known} if known else {})
