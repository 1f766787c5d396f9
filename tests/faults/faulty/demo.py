"""The demo, reduced until a run takes a minute, in a checkout of its own, and the processes of its runs."""

import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

ROOT = Path(__file__).parents[3]
ROOMS = ("saliency", "attention", "proxy", "segmenter", "evaluation")
"""Folders of a run in the order in which they are made."""
TRAININGS = ("saliency", "attention", "segmenter/round-1")
"""Folders of the trainings."""
EVERY = 10
"""Iterations between two checkpoints."""
CORES = 2
LONGEST = 900.0
"""Seconds after which a Snakemake counts as hung."""
DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE of Linux
Found = TypeVar("Found")


class Hung(Exception):
    """A Snakemake did not end."""


def reduced(iterations: dict[str, int], shards: int) -> dict[str, Any]:
    """Configuration of a run whose trainings take so many iterations, and whose maps come in so many shards."""
    common = {"batch_size": 4, "crop": 64, "checkpoint_every": EVERY, "workers": 1}
    training = {room: common | {"iterations": number} for room, number in iterations.items()}
    return {
        "dataset": {"demo": {"train": 12, "val": 4, "saliency": 8, "size": 64}},
        "saliency": {"small": {"training": training["saliency"]}},
        "attention": {"training": training["attention"] | {"learning_rate": 1e-3}, "maps": {"size": 64}},
        "proxy": {"refine": {"crf": {"preset": "irn"}}},
        "segmenter": {"training": training["segmenter"], "prediction": {"crf": {"preset": "deeplab"}}},
        "shards": shards,
    }


class Running:
    """A Snakemake in a process group of its own, and what it started.

    Attributes:
        process: the Snakemake.
        ended: its exit status, `None` while it runs.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self._log = process, log
        self._start = time.time() - 0.1  # it was started just before
        self._jobs: str | None = None  # their logs, once all have ended

    @property
    def ended(self) -> int | None:
        """Exit status, `None` while it runs."""
        return self.process.poll()

    def said(self) -> str:
        """All that its jobs wrote into their logs and, last, what it printed until now.

        The next Snakemake's jobs write the same logs, so they are read once this one has ended.
        """
        jobs = self._jobs if self._jobs is not None else self._read_logs()
        if self.ended is not None:
            self._jobs = jobs
        return jobs + self._log.read_text(encoding="utf-8", errors="replace")

    def _read_logs(self) -> str:
        logs = sorted(self._log.parent.glob("results/*/logs/**/*.log"))
        recent = [log for log in logs if log.stat().st_mtime >= self._start]
        return "".join(log.read_text(encoding="utf-8", errors="replace") for log in recent)

    def finish(self) -> int:
        """Wait for the end; the exit status.

        Raises:
            Hung: it did not end; everything is killed then.
        """
        try:
            status = self.process.wait(LONGEST)
            self.said()
            return status
        except subprocess.TimeoutExpired:
            for process in [psutil.Process(self.process.pid), *self.processes()]:
                end(process, signal.SIGKILL)
            raise Hung(f"Snakemake did not end within {LONGEST:g} seconds: {self.said()[-2000:]}") from None

    def processes(self) -> list[psutil.Process]:
        """Everything below Snakemake."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.Error:
            return []

    def jobs(self, word: str = "") -> list[psutil.Process]:
        """Running `weakseg` commands that have this word in their line; data workers are not among them."""
        return [process for process in self._weakseg(word) if not is_weakseg(parent(process))]

    def workers(self) -> list[psutil.Process]:
        """Data workers of trainings."""
        return [process for process in self._weakseg("--state") if is_weakseg(parent(process))]

    def _weakseg(self, word: str) -> list[psutil.Process]:
        return [
            process
            for process in self.processes()
            if is_weakseg(process) and (not word or word in line(process))
        ]

    def wait_for(self, condition: Callable[[], Found]) -> Found | None:
        """What `condition` gives once it gives something; `None` if Snakemake ends before.

        Raises:
            Hung: neither happened.
        """
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            if self.ended is not None:
                return None
            time.sleep(0.02)
        raise Hung(f"nothing to strike in {LONGEST:g} seconds: {self.said()[-2000:]}")


@dataclass
class Demo:
    """A checkout in which runs of the reduced demo are made.

    Attributes:
        folder: the checkout; it must not exist yet.
        iterations: of each training.
        shards: of its maps and label maps.
        targets: files below a run with which it ends; none stands for everything to the report.
        started: every Snakemake so far.
    """

    folder: Path
    iterations: dict[str, int]
    shards: int = 2
    targets: tuple[str, ...] = ()
    started: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, self.folder / name)
        for name in ("workflow", "profiles", "envs"):
            shutil.copytree(ROOT / name, self.folder / name)
        text = yaml.safe_dump(reduced(self.iterations, self.shards))
        (self.folder / "reduced.yaml").write_text(text, encoding="utf-8")

    def results(self, run: str) -> Path:
        """A run's folder."""
        return self.folder / "results" / run

    def start(
        self,
        run: str,
        *words: str,
        settings: tuple[str, ...] = (),
        targets: tuple[str, ...] = (),
        largest_file: int | None = None,
        obey_permissions: bool = False,
    ) -> Running:
        """Start or go on with a run.

        Args:
            run: its name.
            words: options of Snakemake.
            settings: `key=value` of the configuration.
            targets: files below the run's folder in place of the demo's.
            largest_file: bytes beyond which no process may write a file.
            obey_permissions: files that may not be written cannot be, not even by root.
        """

        def prepare() -> None:
            # A shell lets what it starts in the background ignore Ctrl-C.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            if obey_permissions and os.getuid() == 0:
                ctypes.CDLL(None).prctl(DROP_FROM_BOUNDING_SET, OVERRIDE_PERMISSIONS, 0, 0, 0)

        command = [sys.executable, "-m", "snakemake", "--cores", str(CORES), "--configfile", "reduced.yaml"]
        command += [
            "--set-threads",
            *(f"{folder.partition('/')[0]}_train=1" for folder in TRAININGS),
        ]
        command += [*words, "--config", f"run={run}", *settings, "--"]
        command += [f"results/{run}/{target}" for target in targets or self.targets]
        log = self.folder / f"snakemake-{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=prepare,
            )
        self.started.append(Running(process, log))
        return self.started[-1]

    def rewind(self, run: str, room: str) -> None:
        """Remove what a room of a run made, and all that follows from it: there is work to disturb again."""
        for later in ROOMS[ROOMS.index(room) :]:
            shutil.rmtree(self.results(run) / later, ignore_errors=True)


def line(process: psutil.Process) -> list[str]:
    """Command line; empty once the process ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def describe(process: psutil.Process) -> str:
    """Which command a process is, such as `attention maps 1-of-2`."""
    words = line(process)
    shard = [word for word in words if re.fullmatch(r"\d+-of-\d+", word)]
    return " ".join([*words[2:4], *shard])


def end(process: psutil.Process, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that nobody waits for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def catches(process: psutil.Process, number: int) -> bool:
    """Whether it does something of its own on a signal, by Linux's word."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    caught = next(row for row in status.splitlines() if row.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def seconds_until_end(processes: list[psutil.Process], longest: float) -> float:
    """Seconds until all have ended, or infinity."""
    start = time.monotonic()
    while time.monotonic() - start < longest:
        if not any(is_alive(process) for process in processes):
            return time.monotonic() - start
        time.sleep(0.02)
    return float("inf")


def is_weakseg(process: psutil.Process | None) -> bool:
    """Whether it is a `weakseg` command or one of its data workers, which are its forks."""
    words = line(process) if process is not None else []
    return len(words) > 1 and Path(words[0]).name.startswith("python") and Path(words[1]).name == "weakseg"


def parent(process: psutil.Process) -> psutil.Process | None:
    """Who started it; `None` once the process ended."""
    try:
        return process.parent()
    except psutil.Error:
        return None
