"""The progress of a run: which files of its table exist."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from weakseg.dataset.records import Record
from weakseg.run.stages import Stage
from weakseg.run.table import Table
from weakseg.storage.run import Run

PREDICTED = ("segmenter_refine", "segmenter_predict")
"""Rules that write predictions, refined ones first."""


def existing(files: Iterable[Path]) -> list[Path]:
    """The files that exist."""
    return [path for path in files if path.is_file()]


def predictions(table: Table) -> list[Stage]:
    """The prediction stages of the segmenter's last trained round, refined ones first."""
    trained = [
        stage.round for stage in table.stages if stage.round and stage.trains and stage.weights.is_file()
    ]
    last = max(trained, default=1)
    of_round = {stage.rule: stage for stage in table.stages if stage.round == last}
    return [of_round[rule] for rule in PREDICTED]


def located(table: Table, record: Record) -> Record:
    """An image of the index with paths relative to the current folder."""
    run = Run(table.folder)
    mask = None if record.mask is None else run.locate(record.mask)
    return replace(record, image=run.locate(record.image), mask=mask)
