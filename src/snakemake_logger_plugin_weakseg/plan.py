"""A dry run as a short plan: stages, numbers of jobs, and why."""

from collections.abc import Iterator, Sequence

from snakemake_logger_plugin_weakseg.lines import SETTINGS, Job, counted, title_of
from snakemake_logger_plugin_weakseg.screen import columns
from weakseg.config import differences
from weakseg.run.table import Table

REASONS = {
    "Forced": "asked for by hand",
    "Missing output": "not made yet",
    "Incomplete output": "was cut short",
    "Updated input": "a file that it reads is newer",
    "Input files updated": "what it reads is made again",
    "Set of input": "it reads other files",
    "Code has changed": "its rule changed",
    "Params have changed": "its data, their review or its version changed",
    "Software environment": "its software changed",
}
"""How Snakemake's reason begins → in plain words."""
LONGEST = 3
"""Changed values that a reason names."""


def plan(jobs: Sequence[Job], table: Table | None) -> list[str]:
    """The plan of a dry run.

    Args:
        jobs: all that would run.
        table: of the run.
    """
    steps = [job for job in jobs if job.rule not in SETTINGS]
    stages = {job.key: job for job in steps if table is not None and job.key in table}
    order = [stage.name for stage in table.stages if stage.name in stages] if table is not None else []
    others = [job for job in steps if job.key not in stages]
    folder = "" if table is None else f"{table.folder}: "
    lines = [
        f"{folder}{counted(len(steps), 'job')} would run, in {counted(len(order), 'stage')}; nothing was started."
    ]
    for name in order:
        number = sum(job.key == name for job in steps)
        count = f" ({number} jobs)" if number > 1 else ""
        lines.append(
            "  " + columns(title_of(name, stages[name].rule, table), reason(stages[name], table) + count)
        )
    if others:
        lines.append("  " + columns("scores and report", counted(len(others), "job")))
    return lines


def reason(job: Job, table: Table | None) -> str:
    """Why a job runs: changed values by name, else in a few words."""
    changed = list(_changed(job, table))
    if changed and not job.reason.startswith("Missing output"):
        more = f" and {len(changed) - LONGEST} more" if len(changed) > LONGEST else ""
        return "changed: " + "; ".join(changed[:LONGEST]) + more
    return next((words for begin, words in REASONS.items() if job.reason.startswith(begin)), job.reason)


def _changed(job: Job, table: Table | None) -> Iterator[str]:
    stages = {} if table is None else table.config.stages()
    for file in job.inputs:
        if file.parent.name == "configs" and file.stem in stages:
            yield from differences(file, stages[file.stem])
