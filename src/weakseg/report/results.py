"""Reads the scores, costs and curves that a run has made so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from weakseg.dataset.index import Index, read_index
from weakseg.errors import InputError
from weakseg.evaluation.localisation import Localisation, read_localisation
from weakseg.evaluation.score import Score, read_score
from weakseg.report.costs import Cost, read_cost
from weakseg.report.figures.curves import Curve, read_curve, training_name
from weakseg.report.ledger import Ledger, read_ledger
from weakseg.report.progress import existing
from weakseg.run.stages import Stage
from weakseg.run.table import Table


@dataclass(frozen=True)
class Results:
    """Scores, costs and curves of a run, as far as they exist.

    Attributes:
        index: the data set.
        scores: name of a score → the score, in the order of the chain.
        costs: name of a stage → time and memory.
        curves: training → curve.
        localisation: scores of the attention maps' boxes.
        supervision: the ledger.
    """

    index: Index
    scores: dict[str, Score]
    costs: dict[str, Cost]
    curves: dict[str, Curve]
    localisation: Localisation | None
    supervision: Ledger | None

    @property
    def names(self) -> tuple[str, ...]:
        """Background and the classes."""
        return ("background", *self.index.classes)

    @property
    def images_per_second(self) -> dict[str, float]:
        """Training → images per second, for trainings on the split `train`.

        It is too high by the share of images that are rejected, or have no mask with `labels: masks`.
        """
        speeds = {name: curve.epochs_per_second for name, curve in self.curves.items() if name != "saliency"}
        images = len(self.index.split("train"))
        return {name: speed * images for name, speed in speeds.items() if speed is not None}


def read_results(table: Table, stages: Sequence[Stage]) -> Results:
    """Read the results of stages.

    Raises:
        InputError: the run has no index or no score yet, or a file is damaged.
    """
    names = [stage.score.name for stage in stages if stage.score is not None]
    scores = {name: path for name in names if (path := table.evaluation(f"{name}.json")).is_file()}
    if not scores:
        raise InputError(
            f"{table.folder} has no scores yet; scored stages were expected: run at least `snakemake proxies` first."
        )
    benchmarks = {stage.name: existing(stage.benchmarks) for stage in stages}
    histories = {training_name(stage): stage.history for stage in stages if stage.trains}
    boxes, supervision = table.evaluation("localisation.json"), table.evaluation("supervision.json")
    return Results(
        index=read_index(*table["dataset_index"].files),
        scores={name: read_score(path) for name, path in scores.items()},
        costs={name: read_cost(files) for name, files in benchmarks.items() if files},
        curves={name: read_curve(path) for name, path in histories.items() if path.is_file()},
        localisation=read_localisation(boxes) if boxes.is_file() else None,
        supervision=read_ledger(supervision) if supervision.is_file() else None,
    )
