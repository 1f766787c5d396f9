"""What entered a run: the networks and the files and folders from outside whose supervision the ledger lists."""

from dataclasses import dataclass
from pathlib import Path

from weakseg.run.table import Table


@dataclass(frozen=True)
class Entered:
    """What entered a run.

    Attributes:
        weights: room → its network, trained by this run or by another one.
        outside: room → the file or folder that its maps come from without a training.
        unsupervised: rooms whose maps need no labels.
    """

    weights: dict[str, Path]
    outside: dict[str, Path]
    unsupervised: list[str]

    @property
    def files(self) -> list[Path]:
        """All files and folders."""
        return [*self.weights.values(), *self.outside.values()]


def entered(table: Table) -> Entered:
    """What entered the run of a table; of what it trains on masks only that."""
    weights = {stage.room: stage.weights for stage in table.trainings() if stage.room != "segmenter"}
    weights["segmenter"] = table["segmenter_weights"].weights
    outside: dict[str, Path] = {}
    saliency, attention = table.config.saliency, table.config.attention
    if "all" not in table["saliency_maps"].targets:
        return Entered(weights, outside, [])
    files = [Path(path) for path in saliency.maps_read().values()]
    if files:
        (outside if saliency.network() is None else weights)["saliency"] = files[0]
    if "attention_train" not in table:
        outside["attention"] = Path(attention.own.folder)
    return Entered(weights, outside, ["saliency"] * (saliency.method == "unsupervised"))
