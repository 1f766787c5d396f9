"""How far a stage is: a small file beside its output while it works.

The terminal and the inspector read it. Nothing else depends on it: it is not declared, and a file that a killed stage
leaves behind is replaced by the next one.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
INTERVAL = 0.5
"""Seconds between two writes."""


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        done: iterations or images that are finished, of an earlier start too.
        total: all of them.
        unit: `iteration`, `image` or, of a download, `MB`.
        first: what was done when the process started.
        started: start of the process, seconds since 1970.
        updated: time of this reading, seconds since 1970.
        note: what else is known, such as `loss 0.31`; may be empty.
    """

    done: int
    total: int
    unit: str
    first: int
    started: float
    updated: float
    note: str = ""

    @property
    def rate(self) -> float | None:
        """Units per second since the process started; None before the first."""
        seconds = self.updated - self.started
        return (self.done - self.first) / seconds if self.done > self.first and seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Expected time to the end, seconds; None before the first unit."""
        return None if self.rate is None else (self.total - self.done) / self.rate


class Reporter:
    """Writes the progress file of one output. Made by `reporting`."""

    def __init__(self, output: Path, total: int, unit: str, first: int) -> None:
        now = time.time()
        self._path = progress_path(output)
        self._state = Progress(first, total, unit, first, now, now)
        self._written = 0.0
        self._write()

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """`count` more units are done."""
        old = self._state
        done, text = old.done + count, old.note if note is None else note
        self._state = Progress(done, old.total, old.unit, old.first, old.started, time.time(), text)
        if self._state.updated - self._written >= INTERVAL or done >= old.total > 0:
            self._write()

    def _write(self) -> None:
        self._written = self._state.updated
        temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        with suppress(OSError):  # a full disk is told by what matters
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(asdict(self._state)), encoding="utf-8")
            temporary.replace(self._path)  # not flushed to the disk: nobody needs it after a power failure


def progress_path(output: Path) -> Path:
    """The progress file of a stage whose first output is `output`."""
    return output.with_name(f".{output.name}.progress")


@contextmanager
def reporting(output: Path, total: int, unit: str, first: int = 0) -> Iterator[Reporter]:
    """A progress file that is there while the stage works, and removed at its end.

    Args:
        output: the stage's first output.
        total: units of the whole stage.
        unit: as in `Progress`.
        first: units that an earlier start finished.
    """
    try:
        yield Reporter(output, total, unit, first)
    finally:
        with suppress(OSError):
            progress_path(output).unlink(missing_ok=True)


def tracked(items: Iterable[Item], output: Path, total: int | None = None) -> Iterator[Item]:
    """Yield `items`, one for each image, and report how many are done.

    Args:
        items: images or what is made of them.
        output: the stage's first output.
        total: their number, if they have no length.
    """
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    with reporting(output, total, "image") as reporter:
        for item in items:
            yield item
            reporter.advance()


def read_progress(output: Path) -> Progress | None:
    """How far the stage of this output is; None if it is not at work."""
    try:
        return Progress(**json.loads(progress_path(output).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
