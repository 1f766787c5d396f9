"""Follows a run by Snakemake's events and shows it."""

import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from logging import LogRecord
from pathlib import Path
from typing import Any

from snakemake_logger_plugin_weakseg import ending
from snakemake_logger_plugin_weakseg.lines import SETTINGS, STEPS, Job, Line, counted, ended_text, title_of
from snakemake_logger_plugin_weakseg.logs import notes
from snakemake_logger_plugin_weakseg.plan import plan
from snakemake_logger_plugin_weakseg.screen import Log, Screen, Terminal, columns
from weakseg.run.table import Table

INTERVAL = 0.5
"""Seconds between two looks at the progress files."""
STOPPING = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
"""How Snakemake's messages begin after Ctrl-C and SIGTERM."""
NOTHING = "Nothing to be done"
WHOLE = {"dataset_index"}
"""Rules whose log says what the data are, all of it for users."""
USUAL = ("Config file", "Assuming unrestricted shared filesystem", "host: ")
"""How messages begin that come before every run; others, as of `--unlock`, are answers."""


def start(settings: Any) -> "Following":
    """Follow on the stream that Snakemake would print on, with bars if it is a terminal.

    Args:
        settings: Snakemake's, for its output.
    """
    stream = sys.stdout if settings.stdout else sys.stderr
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    is_quiet = any(getattr(part, "name", str(part)).lower() != "host" for part in settings.quiet or ())
    screen: Screen = Terminal(stream) if is_terminal else Log(stream)
    return Following(screen, is_dry=settings.dryrun, is_quiet=is_quiet)


class Following:
    """The state of a run.

    Args:
        screen: where it is shown.
        is_dry: whether nothing is started.
        is_quiet: whether only failures are shown.
    """

    def __init__(self, screen: Screen, *, is_dry: bool = False, is_quiet: bool = False) -> None:
        self._screen, self._is_dry, self._is_quiet = screen, is_dry, is_quiet
        self._lock = threading.RLock()
        self._table: Table | None = None
        self._planned: Sequence[tuple[str, Mapping[str, str], Sequence[str]]] = ()
        self._jobs: dict[int, Job] = {}
        self._lines: dict[str, Line] = {}
        self._failed: dict[int, Job] = {}
        self._errors: list[str] = []
        self._said: list[str] = []
        self._is_started = self._is_stopped = self._is_complete = self._is_closed = False
        self._start = time.time()
        self._events = {
            "workflow_started": self._on_start,
            "job_info": self._on_job,
            "job_finished": self._on_finished,
            "job_error": self._on_failure,
            "progress": self._on_progress,
        }

    def handle(self, record: LogRecord) -> None:
        """Take note of one event."""
        with self._lock:
            told = getattr(record, "weakseg", None)
            if isinstance(told, Table):
                self._table = told
            elif told is not None:
                self._begin(told)
            elif getattr(record, "event", None) is None:
                self._on_message(record)
            else:
                self._events.get(str(record.event), self._on_other)(record)  # type: ignore[attr-defined]
            self._draw()

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            self._screen.say(text)

    def _on_message(self, record: LogRecord) -> None:
        text = record.getMessage()
        if text.startswith(NOTHING):
            report = self._table.folder / "report.html" if self._table else None
            where = f"; open {report}" if report is not None and report.is_file() else ""
            folder = f": {self._table.folder} is complete{where}" if self._table else ""
            self._say(f"{NOTHING}{folder}.")
        elif text.startswith(STOPPING):
            if not self._is_stopped:
                self._say("stopping: trainings finish their step and save, other jobs end.")
            self._is_stopped = True
        elif record.levelno >= logging.ERROR:
            self._errors.append(text)
        elif record.levelno >= logging.WARNING or not (self._is_started or text.startswith(USUAL)):
            self._say(text)

    def _on_other(self, record: LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self._errors.append(record.getMessage())

    def _on_start(self, record: LogRecord) -> None:
        self._is_started = True

    def _begin(self, planned: Sequence[tuple[str, Mapping[str, str], Sequence[str]]]) -> None:
        self._planned = planned
        if self._table is None:
            return
        keys = {Job(0, rule, wildcards, (), None).key for rule, wildcards, _ in planned}
        stages = [stage for stage in self._table.stages if stage.name in keys and stage.rule not in SETTINGS]
        steps = sum(rule not in SETTINGS for rule, _, _ in planned)
        work = f"{counted(len(stages), 'stage')}, {counted(steps, 'job')}"
        self._say(f"{self._table.folder}: {work}. Ctrl-C stops and keeps what is done.")
        if not self._is_quiet:
            threading.Thread(target=self._look, daemon=True).start()

    def _on_job(self, record: LogRecord) -> None:
        values = vars(record)
        logs = [Path(log) for log in values["log"] or ()]
        job = Job(
            number=values["jobid"],
            rule=values["rule_name"],
            wildcards=dict(values["wildcards"] or {}),
            output=[Path(file) for file in values["output"] or ()],
            log=logs[0] if logs else None,
            inputs=[Path(file) for file in values["input"] or ()],
            reason=str(values["reason"] or ""),
        )
        self._jobs[job.number] = job
        self._failed.pop(job.number, None)  # it is tried again
        if not self._is_dry and job.rule not in SETTINGS:
            self._line(job).running[job.number] = job

    def _line(self, job: Job) -> Line:
        if job.key not in self._lines:
            stage = self._table[job.key] if self._table is not None and job.key in self._table else None
            title = title_of(job.key, job.rule, self._table)
            line = Line(title, stage, is_step=stage is not None or job.rule in STEPS)
            line.planned = (
                sum(Job(0, rule, wild, (), None).key == job.key for rule, wild, _ in self._planned) or 1
            )
            if stage is not None and self._table is not None:
                told = {self._table.health(stage)}
                if stage.score is not None:
                    told.add(self._table.evaluation(f"{stage.score.name}.json"))
                line.expects = told & {Path(file) for _, _, files in self._planned for file in files}
            self._lines[job.key] = line
        return self._lines[job.key]

    def _on_finished(self, record: LogRecord) -> None:
        job = self._jobs.get(vars(record)["job_id"])
        if job is None or job.rule in SETTINGS:
            return
        line = self._line(job)
        job.read()
        line.running.pop(job.number, None)
        line.ended.append(job)
        if line.is_done:
            line.finished = time.time()
            if line.is_step:
                self._tell_ended(before=line)
        if job.rule == "evaluate_detector":
            self._said += [text for text in _last(job) if text]
        for file in job.output:
            self._tell_result(file)
        for text in notes(job.log, is_whole=job.rule in WHOLE):
            self._say(f"  {text}")
        self._tell_ended()

    def _tell_result(self, file: Path) -> None:
        """Take a score or health to its stage's line, or show it where that line was shown already."""
        line = next((line for line in self._lines.values() if file in line.expects), None)
        if line is None:
            return
        line.expects.discard(file)
        found = ending.health_of(file) if file.parent.name == "health" else [ending.score_of(file)]
        texts = [text for text in found if text]
        if line.is_told:
            for text in texts:
                self._say(columns(line.title, text) if not text.startswith(" ") else text)
        else:
            line.results += texts

    def _tell_ended(self, before: Line | None = None) -> None:
        """Show the last line of finished stages that expect nothing more, or that precede a stage that just ended."""
        for line in self._lines.values():
            if line is before:
                return
            if not line.is_done or line.is_told or not line.is_step or (line.expects and before is None):
                continue
            line.is_told = True
            words = [text for text in line.results if not text.startswith(" ")]
            warnings = [text for text in line.results if text.startswith(" ")]
            line.results = words
            self._say("\n".join([columns(line.title, ended_text(line)), *warnings]))

    def _on_failure(self, record: LogRecord) -> None:
        job = self._jobs.get(vars(record)["jobid"])
        if job is None:
            return
        self._failed[job.number] = job
        if job.rule in SETTINGS:
            return
        line = self._line(job)
        line.running.pop(job.number, None)
        others = [other.title for other in self._lines.values() if other.running]
        if others and not self._is_stopped:
            self._say(f"{line.title} failed (log: {job.log}); waiting for {', '.join(others)}")

    def _on_progress(self, record: LogRecord) -> None:
        self._is_complete = vars(record)["done"] >= vars(record)["total"] > 0

    def _look(self) -> None:
        """Read the progress files and draw, until the end."""
        while not self._is_closed:
            time.sleep(INTERVAL)
            try:
                with self._lock:
                    for line in self._lines.values():
                        for job in line.running.values():
                            job.read()
                    self._draw()
            except Exception:  # a line that cannot be drawn now may be later
                continue

    def _draw(self) -> None:
        if not self._is_closed and not self._is_dry and not self._is_quiet:
            self._screen.show([line for line in self._lines.values() if line.running])

    def close(self) -> None:
        """Show how the run ended."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._screen.close()
            for line in self._lines.values():
                line.expects.clear()
            self._tell_ended()
            for text in self._last_lines():
                self._screen.say(text)

    def _last_lines(self) -> list[str]:
        titled = [(title_of(job.key, job.rule, self._table), job) for job in self._failed.values()]
        if self._is_stopped:
            return ending.stopped(list(self._lines.values()), titled + self._running())
        if self._failed or self._errors:
            return ending.failed(titled, self._errors)
        if self._is_quiet:
            return []
        if self._is_dry:
            return plan(list(self._jobs.values()), self._table) if self._jobs else []
        if not self._is_complete or self._table is None:
            return []
        return ending.finished(self._table, time.time() - self._start, self._said)

    def _running(self) -> list[tuple[str, Job]]:
        return [(line.title, job) for line in self._lines.values() for job in line.running.values()]


def _last(job: Job) -> list[str]:
    from snakemake_logger_plugin_weakseg.logs import read_lines

    return read_lines(job.log)[-1:]
