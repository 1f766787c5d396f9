"""A run's events as Snakemake sends them, and a screen that keeps what it is shown."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakemake_logger_plugin_weakseg.following import Following
from snakemake_logger_plugin_weakseg.lines import Line, running_text
from weakseg.config import Config
from weakseg.run.table import Table


class Shown:
    """A screen that keeps everything.

    Attributes:
        said: what was printed, in lines.
        at_work: title → text of the lines now at work.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self.at_work: dict[str, str] = {}

    def say(self, text: str) -> None:
        self.said += text.splitlines() or [""]

    def show(self, lines: Sequence[Line]) -> None:
        self.at_work = {line.title: running_text(line) for line in lines}

    def close(self) -> None:
        self.show([])


def record(text: str | None = None, level: int = logging.INFO, **values: Any) -> logging.LogRecord:
    """A log record with the fields of an event."""
    made = logging.LogRecord("snakemake.logging", level, "", 0, text, (), None)
    vars(made).update(values)
    return made


class Events:
    """Sends the events of a run to a `Following`, with real files below the current folder."""

    def __init__(self, folder: Path, **options: bool) -> None:
        self.shown = Shown()
        self.following = Following(self.shown, **options)
        self.table = Table(Config(run="mine", shards=2))
        self.folder = self.table.folder
        self.numbers = 0
        self.send("Workflow has started!", event="workflow_started")
        self.send(weakseg=self.table)

    def send(self, text: str | None = None, level: int = logging.INFO, **values: Any) -> None:
        self.following.handle(record(text, level, **values))

    def plan(self, *jobs: tuple[str, dict[str, str], str]) -> None:
        """Rule, wildcards and output of each job that will run."""
        self.send(
            weakseg=[(rule, wildcards, [str(self.folder / output)]) for rule, wildcards, output in jobs]
        )

    def start(
        self,
        rule: str,
        output: str,
        wildcards: dict[str, str] | None = None,
        inputs: Sequence[str] = (),
        reason: str = "Missing output files: x",
    ) -> int:
        """A job begins; its number."""
        self.numbers += 1
        self.send(
            event="job_info",
            jobid=self.numbers,
            rule_name=rule,
            output=[str(self.folder / output)],
            log=[str(self.log(self.numbers))],
            wildcards=wildcards or {},
            input=[str(self.folder / name) for name in inputs],
            reason=reason,
        )
        return self.numbers

    def finish(self, number: int) -> None:
        self.send(event="job_finished", job_id=number)

    def fail(self, number: int) -> None:
        self.send("Error in rule", logging.ERROR, event="job_error", jobid=number)

    def log(self, number: int) -> Path:
        return self.folder / "logs" / f"{number}.log"

    def write(self, path: str | Path, text: str) -> Path:
        file = self.folder / path if isinstance(path, str) else path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def end(self) -> list[str]:
        """Snakemake ends; what is printed then."""
        before = len(self.shown.said)
        self.following.close()
        return self.shown.said[before:]
