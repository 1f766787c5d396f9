"""The run as it is now: opened again when its files have changed, so that the page follows it."""

import hashlib
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock

from weakseg.inspector.catalogue import Catalogue
from weakseg.inspector.run import RunView
from weakseg.report.artefacts import MapFiles
from weakseg.run.opened import CONFIG, open_table
from weakseg.run.table import Table

FRESH = 0.5
"""Seconds for which the files are not looked at again: a gallery asks for hundreds of thumbnails at once."""


class Seen:
    """A run at one moment.

    Attributes:
        run: its files.
        stamp: changes when a finished file appears, is replaced or goes.
    """

    def __init__(self, run: RunView, stamp: str) -> None:
        self.run, self.stamp = run, stamp

    @cached_property
    def listed(self) -> Catalogue:
        """Its images as columns."""
        return Catalogue(self.run)


class Watch:
    """Looks at a run's files when it is asked, and opens the run again when they have changed.

    Args:
        folder: the run's folder.

    Raises:
        InputError: the folder is not a run, or a file of it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files, self._lock = MapFiles(), Lock()
        self._looked = -FRESH
        self._seen = self._open()

    def now(self) -> Seen:
        """The run as it is now.

        Raises:
            InputError: a file is damaged.
        """
        with self._lock:
            if (
                time.monotonic() - self._looked >= FRESH
                and self._stamp(self._seen.run.table) != self._seen.stamp
            ):
                self._seen = self._open()
            return self._seen

    def _open(self) -> Seen:
        stamp = self._stamp(open_table(self.folder))  # first: what changes meanwhile is seen next time
        return Seen(RunView(self.folder, self._files), stamp)

    def _stamp(self, table: Table) -> str:
        self._looked = time.monotonic()
        marks = (f"{path} {_mark(path)}" for path in _watched(self.folder, table))
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]


def _watched(folder: Path, table: Table) -> Iterator[Path]:
    """The configuration, every stage's files, scores and health; not histories, which grow all the time."""
    yield folder / CONFIG
    for stage in table.stages:
        yield from (path for path in stage.files if path != stage.history)
    yield from sorted(table.evaluation("").glob("*.json"))
    yield from (table.health(stage) for stage in table.stages if stage.is_checked)


def _mark(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "none"
    return f"{found.st_mtime_ns} {found.st_size}"
