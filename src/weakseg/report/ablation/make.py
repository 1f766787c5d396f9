"""Makes the runs of an ablation one after another: a configuration file each, and Snakemake.

What is finished is Snakemake's to know: started again, it makes nothing of it again.
"""

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from weakseg.errors import InputError
from weakseg.report.ablation.plan import Planned, written
from weakseg.storage.atomic import write_text

OURS = ("--configfile", "--configfiles", "--config", "-C", "--directory", "-d", "--snakefile", "-s")
"""Options of Snakemake that would make other runs than the planned ones."""


def refuse_ours(extra: Sequence[str]) -> None:
    """Refuse options of Snakemake that the plan knows nothing about.

    Raises:
        InputError: one is given.
    """
    for word in extra:
        if word.partition("=")[0] in OURS:
            raise InputError(
                f"{word} was given for snakemake, but weakseg ablate chooses files and values; set values in the "
                "base or in a variant."
            )


def make(
    path: Path, runs: Sequence[Planned], command: Sequence[str], target: str, tell: Callable[[str], None]
) -> list[Planned]:
    """Make runs in turn, until one fails.

    Args:
        path: the ablation's file.
        runs: in the order of the plan.
        command: options of Snakemake.
        target: of the workflow.
        tell: shows a line to the user.

    Returns:
        The finished runs: all, or those before the one that failed or was stopped.
    """
    for each in runs:
        write_text(written(path, each), _text(path, each))
    for number, each in enumerate(runs):
        tell(f"{number + 1} of {len(runs)}: {each.line}")
        words = ["--configfile", str(written(path, each)), *command, "--", target]
        if _ended([sys.executable, "-m", "snakemake", *words]):
            tell(f"This failed or was stopped: snakemake {shlex.join(words)}")
            return [*runs[:number]]
    return [*runs]


def _text(path: Path, planned: Planned) -> str:
    """The file of a run's configuration."""
    seed = "" if planned.seed is None else f", seed {planned.seed}"
    head = f"# {planned.variant}{seed}: written by `weakseg ablate {path}`, which replaces it.\n"
    return head + yaml.safe_dump(planned.values, sort_keys=False, allow_unicode=True, width=120)


def _ended(words: Sequence[str]) -> int:
    """Run Snakemake to its end: its status, or 1 where this process was told to stop.

    Ctrl-C reaches both; Snakemake then ends its jobs in order, which is waited for. SIGTERM is passed on.
    """
    process = subprocess.Popen(words)
    told: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        told.append(number)
        process.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        while True:
            try:
                return process.wait() or len(told)
            except KeyboardInterrupt:
                told.append(signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)
