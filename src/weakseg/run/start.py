"""Before a run's first job: its lock is taken, bad input is refused, finished results that are made again are kept."""

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
    """A job that will run although its output is there.

    Attributes:
        rule: its name.
        output: its first output.
        inputs: its inputs.
        reason: Snakemake's, in a few words.
    """

    rule: str
    output: Path
    inputs: Sequence[Path]
    reason: str


def refuse_copy(table: Table) -> None:
    """Refuse a folder that another run's folder was copied to.

    Snakemake knows finished files by their path: in a copied folder it would keep what was made with other values.

    Raises:
        InputError: the folder's configuration names another run.
    """
    found = run_of(table.folder)
    if found not in (None, table.config.run):
        raise InputError(
            f"{table.folder} is a copy of the run {found}; a folder that the run {table.config.run} made itself was "
            f"expected: delete it, and set attention.from_run, saliency.from_run or proxy.from_run to {found} to use "
            "what that run made."
        )


def lock(table: Table) -> BaseFileLock:
    """The lock of a run, which dies with this process: Snakemake's own outlives a killed Snakemake.

    Raises:
        InputError: another process has it.
    """
    path = table.folder / ".lock"

    def held() -> None:
        raise InputError(
            f"another snakemake works on {table.folder} and holds {path}; wait for it or stop it."
        )

    return take(path, held)


def prepare(table: Table, stages: Mapping[str, Mapping[str, Any]], again: Sequence[Again]) -> None:
    """Refuse bad input before Snakemake removes a finished file for it; keep and name what is trained again.

    Args:
        table: of the run.
        stages: the settings of each stage that will be used.
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
