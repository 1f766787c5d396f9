"""Which stages of a run are finished, at work or waiting, and how far they are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.inspector.run import RunView
from weakseg.run.stages import Stage
from weakseg.storage.progress import Progress, read_progress

SILENT = 120.0
"""Seconds without news after which a stage is no longer called at work: it was killed, or its machine sleeps."""


@dataclass(frozen=True)
class StageNow:
    """A stage at one moment.

    Attributes:
        name: as in the run's table: `attention_train`.
        title: the same for users, as the terminal has it.
        state: `finished`, `working`, `silent` (said nothing for `SILENT` seconds), `waiting`, or `reused`.
        share: of its work that is done, in [0, 1].
        done: iterations or images of the shards at work.
        total: all of these.
        unit: `iteration`, `image` or empty.
        rate: units per second, of all shards at work; `None` before the first.
        seconds_left: expected; `None` before the first unit.
        parts: finished shards.
        shards: all of them; 0 if it is not sharded.
        note: what else it says of itself.
        miou: its score.
        health: line of its health check; may be empty.
        warnings: number of its warnings.
    """

    name: str
    title: str
    state: str
    share: float = 0.0
    done: int = 0
    total: int = 0
    unit: str = ""
    rate: float | None = None
    seconds_left: float | None = None
    parts: int = 0
    shards: int = 0
    note: str = ""
    miou: float | None = None
    health: str = ""
    warnings: int = 0


def stages_now(run: RunView, target: str = "all") -> list[StageNow]:
    """All stages of a target, in the order of the chain."""
    scores = run.summary.get("scores") or {}
    health = {checked.stage: checked for checked in run.health}
    found = []
    for stage in run.table.of(target):
        score = scores.get(stage.score.name, {}) if stage.score else {}
        checked = health.get(stage.name)
        known = {"miou": score.get("miou")}
        if checked is not None:
            known |= {"health": checked.line, "warnings": len(checked.warnings)}
        found.append(StageNow(**{"name": stage.name, "title": stage.title, **_state(stage), **known}))
    return found


def _state(stage: Stage) -> dict[str, Any]:
    parts = [_progress(path) for path in stage.shard_files]
    finished = sum(path.is_file() for path in stage.shard_files)
    known = {"parts": finished, "shards": stage.shards}
    if all(path.is_file() for path in stage.files):
        return known | {"state": "reused" if stage.is_reused else "finished", "share": 1.0}
    working = [progress for progress in parts if progress is not None]
    if not working:
        return known | {"state": "waiting", "share": finished / len(parts) if stage.shards else 0.0}
    silent = all(time.time() - progress.updated > SILENT for progress in working)
    return known | _together(working, finished, len(parts)) | {"state": "silent" if silent else "working"}


def _progress(output: Path) -> Progress | None:
    """How far the job of an output is; what a killed job left beside a finished output does not count."""
    return None if output.is_file() else read_progress(output)


def _together(working: Sequence[Progress], finished: int, jobs: int) -> dict[str, Any]:
    """Jobs side by side as one: the shards to come are taken to be as long as those at work."""
    done, total = sum(each.done for each in working), sum(each.total for each in working)
    rates = [each.rate for each in working if each.rate]
    rate = sum(rates) if rates else None
    to_come = (jobs - finished - len(working)) * total / len(working)
    return {
        "share": (finished + sum(each.done / max(1, each.total) for each in working)) / jobs,
        "done": done,
        "total": total,
        "unit": working[0].unit,
        "rate": rate,
        "seconds_left": None if rate is None else (total - done + to_come) / rate,
        "note": working[0].note,
    }
