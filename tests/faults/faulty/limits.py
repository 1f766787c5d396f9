"""Faults of the place and of the numbers: full disks, folders that may not be written, a loss that is no number."""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faulty.demo import Demo
from faulty.strikes import Struck

SENTENCE = re.compile(r"^\s*weakseg: .*(could not|cannot) be (opened or )?written.*$", re.MULTILINE)


def full_disk(demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Go on with a run while no file may become larger than a few pages; `None` if none had to."""
    largest = chance.choice((60_000, 80_000))  # bytes: a shard has 100,000, a checkpoint millions
    running = demo.start(run, largest_file=largest)
    if running.finish() == 0:
        return None
    return _judged(f"files of at most {largest} bytes", running.said())


def full_file_system(demo: Demo, run: str) -> Struck | None:
    """Start a run on a file system of 6 MiB and go on when it has grown; `None` where mounting is not allowed."""
    folder = demo.results(run)
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return None
    kept = folder.with_name(f"{run}-kept")
    try:
        running = demo.start(run)
        status = running.finish()
        struck = _judged("a file system of 6 MiB", running.said())
        subprocess.run(["mount", "-o", "remount,size=500m", str(folder)], check=True)
        if status == 0 or demo.start(run).finish():
            struck = Struck(
                struck.detail, struck.problem or "the run did not fail, or did not go on with more space"
            )
        shutil.copytree(folder, kept)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()
    kept.rename(folder)
    return struck


def read_only(demo: Demo, run: str, chance: random.Random) -> Struck | None:
    """Go on with a run while its folder, or one room of it, may not be written; `None` if nothing had to be."""
    room = chance.choice(("", "saliency", "attention"))
    folder = demo.results(run) / room
    if room:
        demo.rewind(run, room)  # Snakemake itself, not we, would fail to remove what is there
    folder.mkdir(parents=True, exist_ok=True)
    with _unwritable(folder):
        running = demo.start(run, obey_permissions=True)
        if running.finish() == 0:
            return None
    return _judged(f"{room or 'the whole run'} may not be written", running.said())


@contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder and all below it, and give it back."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*")) if not path.is_symlink()}
    for path, mode in modes.items():
        path.chmod(mode & 0o555)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


def no_number(demo: Demo, run: str) -> Struck:
    """A training whose weights explode, and the same with sound settings."""
    weights = demo.results(run) / "saliency" / "weights.pt"
    bad = ("saliency={small: {training: {weight_decay: 1.0e+30}}}",)
    running = demo.start(run, settings=bad, targets=("saliency/weights.pt",))
    status, said = running.finish(), running.said()
    found = re.search(r"weakseg: the loss became \S+ in iteration \d+, on the images \S+, .*", said)
    problem = "" if status and found else f"no sentence was said (status {status})"
    if list(weights.parent.rglob("*.pt")):
        problem = "something was saved"
    if demo.start(run, targets=("saliency/weights.pt",)).finish():
        problem = "sound settings did not train"
    return Struck(found[0][:160] if found else "nothing", problem)


def _judged(detail: str, said: str) -> Struck:
    found = SENTENCE.search(said)
    if "Traceback (most recent call last)" in said:
        return Struck(detail, "a traceback was shown")
    return Struck(detail, "" if found else f"no sentence was said: {said[-300:]}")
