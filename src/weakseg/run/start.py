"""Before a run's first job: take its lock, refuse bad input, keep finished results that will be made again."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import BaseFileLock

from weakseg.config import differences
from weakseg.errors import InputError
from weakseg.run.opened import CONFIG, run_of
from weakseg.run.preflight import check
from weakseg.run.table import Table
from weakseg.storage.lock import take
from weakseg.storage.previous import keep, results_of


@dataclass(frozen=True)
class Again:
    """A job that will run although its output exists.

    Attributes:
        rule: its name.
        output: its first output.
        inputs: its inputs.
        reason: given by Snakemake.
    """

    rule: str
    output: Path
    inputs: Sequence[Path]
    reason: str


def refuse_copy(table: Table) -> None:
    """Refuse a folder that was copied from another run.

    Snakemake knows finished files by their path: in a copied folder it would keep results of other settings.

    Raises:
        InputError: the folder's configuration names another run.
    """
    found = run_of(table.folder)
    if found not in (None, table.config.run):
        raise InputError(
            f"{table.folder} is a copy of the run {found}; a folder made by the run {table.config.run} itself was "
            f"expected: delete it, and set attention.from_run, saliency.from_run or proxy.from_run to {found} to use "
            "what that run made."
        )


def lock(table: Table) -> BaseFileLock:
    """Take the lock of a run. It ends with this process; Snakemake's own outlives a killed Snakemake.

    Raises:
        InputError: another process has it.
    """
    path = table.folder / ".lock"

    def refuse() -> None:
        raise InputError(
            f"another snakemake works on {table.folder} and holds {path}; wait for it or stop it."
        )

    return take(path, refuse)


def prepare(table: Table, stages: Mapping[str, Mapping[str, Any]], again: Sequence[Again]) -> None:
    """Refuse bad input before Snakemake removes finished files; keep and report networks that are trained again.

    Args:
        table: of the run.
        stages: the current settings of each stage.
        again: the jobs whose outputs Snakemake is about to remove.

    Raises:
        InputError: an input is missing, damaged or does not fit.
    """
    check(table.config, {job.rule for job in again}, table.folder)
    trainings = {stage.rule for stage in table.stages if stage.trains}
    trained = [job for job in again if job.rule in trainings]
    if trained:
        keep(table.folder, results_of(table.folder))
    for job in trained:
        path = next(file for file in job.inputs if file.parent.name == CONFIG.parent.name)
        changed = "; ".join(differences(path, dict(stages[path.stem]))) or job.reason
        print(
            f"weakseg: {job.output.parent} is trained again ({changed}); its finished network and the scores stay in "
            f"{table.folder}/previous until the new ones are finished.",
            file=sys.stderr,
        )
