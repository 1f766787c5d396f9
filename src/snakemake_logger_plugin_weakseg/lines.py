"""A line of the display: one stage, its jobs together."""

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from weakseg.run.stages import TARGETS, Stage
from weakseg.run.table import Table
from weakseg.storage.progress import Progress, read_progress

SETTINGS = {"stage_config", "run_config", "segmenter_weights", "weights_ready", "evaluate_health_all"}
SETTINGS |= {*TARGETS}
"""Rules that write settings, copy a file or only name a target: no steps for users."""
STEPS = {"dataset_download": "PASCAL VOC fetched", "weights_fetch": "weights fetched"}
"""Rules that are steps for users and no stages of the table → what is shown."""
TITLES = STEPS | {
    "dataset_masks": "masks checked",
    "evaluate_health": "health",
    "evaluate_attention": "score of attention",
    "evaluate_labels": "scores",
    "evaluate_localisation": "score of boxes",
    "evaluate_detector": "score of the detector",
    "evaluate_supervision": "supervision",
    "evaluate_summary": "tables and figures",
    "report": "report",
}
"""Rules that are shown while they work → what is shown."""


@dataclass
class Job:
    """A job of Snakemake.

    Attributes:
        number: Snakemake's.
        rule: its name.
        wildcards: such as shard and round.
        output: its files, the first of which has the progress file beside it.
        log: its log.
        inputs: its input files.
        reason: Snakemake's, for why it runs.
        started: seconds since 1970.
        progress: as last read.
    """

    number: int
    rule: str
    wildcards: Mapping[str, str]
    output: Sequence[Path]
    log: Path | None
    inputs: Sequence[Path] = ()
    reason: str = ""
    started: float = field(default_factory=time.time)
    progress: Progress | None = None

    @property
    def key(self) -> str:
        """Name of its stage in the table, or its rule."""
        number = self.wildcards.get("round", "1")
        return f"{self.rule}-{number}" if number != "1" else self.rule

    def read(self) -> None:
        """Read its progress file, unless that is what an earlier, killed job left."""
        found = read_progress(self.output[0]) if self.output else None
        if found is not None and found.updated >= self.started:
            self.progress = found
        elif found is None and self.progress is not None:  # it has all, and finishes
            self.progress = replace(self.progress, done=self.progress.total)


@dataclass
class Line:
    """One stage.

    Attributes:
        title: in plain words.
        stage: of the table, if it is one.
        is_step: whether its end is told, and its progress in a log; not so for scoring.
        planned: number of its jobs in this run.
        expects: score and health files that jobs of this run will write about it.
        running: its jobs at work.
        ended: its finished jobs.
        results: what its score and health files say.
        started: seconds since 1970.
        is_told: whether its last line was shown.
    """

    title: str
    stage: Stage | None = None
    is_step: bool = True
    planned: int = 1
    expects: set[Path] = field(default_factory=set)
    running: dict[int, Job] = field(default_factory=dict)
    ended: list[Job] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.time)
    finished: float | None = None
    is_told: bool = False

    @property
    def is_done(self) -> bool:
        """Whether all its jobs have finished."""
        return not self.running and len(self.ended) >= self.planned

    def progress(self) -> Progress | None:
        """Its jobs together; the total is estimated where jobs have not started. `None` while nothing is known."""
        ended = [job.progress for job in self.ended if job.progress is not None]
        at_work = [job.progress for job in self.running.values() if job.progress is not None]
        known = ended + at_work
        if not known:
            return None
        done = sum(one.total for one in ended) + sum(one.done for one in at_work)
        parts = max(self.planned, len(known))
        total = round(sum(one.total for one in known) * parts / len(known))
        newest = max(known, key=lambda one: one.updated)
        return replace(newest, done=done, total=total)

    def rate(self) -> float | None:
        """Images or iterations a second, of the jobs at work."""
        rates = [job.progress.rate for job in self.running.values() if job.progress is not None]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known else None


def title_of(key: str, rule: str, table: Table | None) -> str:
    """What a line is called."""
    if table is not None and key in table:
        return table[key].title
    return TITLES.get(rule, rule.replace("_", " "))


def counted(number: int, word: str) -> str:
    """`1 stage`, `2 stages`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def running_text(line: Line) -> str:
    """`63 of 120 images, 0:14 left, 4.1/s, loss 0.31`; `started` while nothing else is known."""
    progress = line.progress()
    if progress is None:
        first = min((job.started for job in line.running.values()), default=line.started)
        return f"started {clock(time.time() - first)} ago"
    if progress.done >= progress.total:
        return f"{progress.total:,} {_units(progress)}, finishing"
    parts = [f"{progress.done:,} of {progress.total:,} {_units(progress)}"]
    rate = line.rate()
    if rate:
        per = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        parts += [f"{clock((progress.total - progress.done) / rate)} left", per]
    return ", ".join([*parts, *[progress.note] * bool(progress.note)])


def ended_text(line: Line) -> str:
    """`120 images in 0:31, loss 0.21` and what scores and health say."""
    progress = _whole(line.stage) if line.stage is not None and line.stage.trains else line.progress()
    seconds = clock((line.finished or time.time()) - line.started)
    text = f"{progress.total:,} {_units(progress)} in {seconds}" if progress is not None else f"in {seconds}"
    if progress is not None and progress.note:
        text += f", {progress.note}"
    return "; ".join([text, *line.results])


def _units(progress: Progress) -> str:
    return f"{progress.unit}s" if progress.unit in ("image", "iteration") else progress.unit


def _whole(stage: Stage) -> Progress | None:
    """A finished training, by the last row of its history."""
    try:
        with stage.history.open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file))[-1]
        done, loss = int(last["iteration"]), float(last["loss"])
    except (OSError, ValueError, KeyError, IndexError, csv.Error):
        return None
    return Progress(done, done, "iteration", 0, 0.0, 0.0, f"loss {loss:.3g}")
