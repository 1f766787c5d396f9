"""Faults that strike a run while it works: kills, signals, and a second of something."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from faulty.demo import Demo, Running, catches, describe, end, is_alive, line, parent, seconds_until_end

PROMISED_END = 10.0
"""Seconds within which a training ends after SIGTERM or SIGINT."""


@dataclass(frozen=True)
class Struck:
    """What a fault did.

    Attributes:
        detail: whom it struck, and when.
        problem: what then went otherwise than promised; empty if nothing did.
        orphans: processes that live on without their Snakemake.
    """

    detail: str
    problem: str = ""
    orphans: tuple[psutil.Process, ...] = ()


Victims = Callable[[Running], list[psutil.Process]]


def _snakemake(running: Running) -> list[psutil.Process]:
    """Snakemake itself, once it has a job."""
    return [psutil.Process(running.process.pid)] if running.jobs() else []


def _at_work(running: Running) -> list[psutil.Process]:
    """Trainings that have come to their first batch: those with a data worker, and ears for SIGTERM."""
    found = (parent(worker) for worker in running.workers())
    return [trainer for trainer in found if trainer is not None and catches(trainer, signal.SIGTERM)]


VICTIMS: dict[str, tuple[Victims, float]] = {
    "trainer": (lambda running: running.jobs("--state"), 8.0),
    "shard job": (lambda running: running.jobs("--shard"), 4.0),
    "data worker": (lambda running: running.workers(), 2.0),
    "snakemake": (_snakemake, 8.0),
    "everything": (_snakemake, 8.0),
}
"""Whom a kill strikes → where they are found, and the seconds of their life within which it comes."""


def _choose(
    running: Running, victims: Victims, within: float, chance: random.Random
) -> psutil.Process | None:
    """One of the victims after a random time, if it lives that long, or else one that comes later."""
    delay = chance.uniform(0, within)
    while True:
        found = running.wait_for(lambda: victims(running))
        if not found:
            return None
        victim = chance.choice(found)
        seconds_until_end([victim], delay)
        if is_alive(victim) and running.ended is None:
            return victim


def kill(kind: str, demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Start a run and kill (-9) somebody of it; `None` if it ended before."""
    running = demo.start(run)
    victim = _choose(running, *VICTIMS[kind], chance)
    if victim is None:
        return None
    below, at_work = running.processes(), sorted({describe(job) for job in running.jobs()})
    what = f"during {', '.join(at_work)}" if kind in ("snakemake", "everything") else describe(victim)
    for process in [victim, *below] if kind == "everything" else [victim]:
        end(process, signal.SIGKILL)
    status, said = running.finish(), running.said()
    if status == 0:  # a data worker that had nothing more to do
        return None
    problem = "" if status in (1, -signal.SIGKILL) else f"Snakemake ended with status {status}"
    if kind == "data worker" and "a process that prepares images died" not in said:
        problem = "the training did not say why it ended"
    orphans = tuple(process for process in below if is_alive(process)) if kind == "snakemake" else ()
    return Struck(what, problem or _traceback(said), orphans)


def stop(number: signal.Signals, whom: str, demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Start a run and send a signal to a training at work, to all processes as Ctrl-C does, or to Snakemake."""
    running = demo.start(run)
    trainer = _choose(running, _at_work, 1.5, chance)
    if trainer is None:
        return None
    what = f"{number.name} during {describe(trainer)}"
    if whom == "snakemake":
        os.kill(running.process.pid, number)  # it lets its jobs end
        status = running.finish()
        return Struck(what, _traceback(running.said())) if status else None
    if whom == "trainer":
        end(trainer, number)
    else:
        os.killpg(running.process.pid, number)
    needed = seconds_until_end([trainer], 3 * PROMISED_END)
    status, said = running.finish(), running.said()
    if status == 0:  # the signal came in the last step
        return None
    problem = ""
    if whom == "trainer" and f"stopping on {number.name}" not in said:
        problem = "the training did not say that it stopped"
    if needed > PROMISED_END:
        problem = f"the training took {needed:.1f} seconds to end"
    return Struck(f"{what}; it ended after {needed:.1f} seconds", problem or _traceback(said))


def second_snakemake(demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Start the same run twice; the second is refused, the first goes on."""
    running = demo.start(run)
    if _choose(running, _snakemake, 8.0, chance) is None:
        return None
    second = demo.start(run)
    status = second.finish()
    if status == 0 and running.ended == 0:  # the first was quicker
        return None
    last = second.said().strip().splitlines()[-1]
    problem = "" if status == 1 else f"the second Snakemake ended with status {status}"
    if not last.startswith("weakseg: another snakemake works on"):
        problem = f"the second Snakemake said: {last}"
    status = running.finish()
    return Struck(
        "the second was refused", problem or ("" if status == 0 else f"the first ended with status {status}")
    )


def second_trainer(demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Start a training's own command a second time; it waits, and both end."""
    running = demo.start(run)
    trainer = _choose(running, _at_work, 1.0, chance)
    if trainer is None:
        return None
    with Path(os.devnull).open("wb") as nowhere:
        second = subprocess.Popen(
            line(trainer), cwd=demo.folder, stdout=nowhere, stderr=subprocess.PIPE, text=True
        )
        what = describe(trainer)
        _, said = second.communicate(timeout=600)
    status = running.finish()
    problem = ""
    if second.returncode or status:
        problem = f"they ended with status {second.returncode} and {status}"
    elif "another training works in" not in said and "resuming" not in said:
        problem = f"the second training did not wait: {said[-300:]}"
    return Struck(what, problem)


def wait_for_orphans(orphans: list[psutil.Process], longest: float = 300.0) -> None:
    """Until what killed Snakemakes left behind has ended; what has not by then is killed."""
    seconds_until_end(orphans, longest)
    for process in orphans:
        if is_alive(process):
            end(process, signal.SIGKILL)
    time.sleep(0.1)


def _traceback(said: str) -> str:
    return "a traceback was shown" if "Traceback (most recent call last)" in said else ""
