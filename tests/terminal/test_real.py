"""Real Snakemake in a pseudo-terminal and in a pipe: bars, Ctrl-C, plain lines, failures, a plan."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ITERATIONS = 400
SMALL: dict[str, Any] = {
    "run": "mine",
    "shards": 2,
    "dataset": {"demo": {"train": 6, "val": 2, "saliency": 2, "size": 64}},
    "attention": {
        "training": {"iterations": ITERATIONS, "batch_size": 1, "crop": 32, "checkpoint_every": 20},
        "maps": {"size": 64},
    },
}
TARGETS = [f"results/mine/attention/maps/shard-{part}-of-2.h5" for part in (1, 2)]
RUN = [
    *("--cores", "1", "--max-threads", "1", "--configfile", "small.yaml"),
    *("--", *TARGETS, "results/mine/evaluation/attention.json"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workflow."""
    folder = tmp_path_factory.mktemp("terminal") / "checkout"
    folder.mkdir()
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    return folder


def piped(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Exit status and lines of Snakemake in a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def typed(folder: Path, words: list[str], interrupt: Callable[[str], bool]) -> tuple[int, str]:
    """Exit status and output of Snakemake on a terminal, where Ctrl-C is typed once the output says so."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execv(sys.executable, [sys.executable, "-m", "snakemake", *words])
    shown, is_typed, deadline = b"", False, time.monotonic() + 600
    while time.monotonic() < deadline:
        try:
            if select.select([terminal], [], [], 1.0)[0]:
                shown += os.read(terminal, 65536)
        except OSError:  # the end of a pseudo-terminal
            break
        if not is_typed and interrupt(shown.decode("utf-8", errors="replace")):
            os.write(terminal, b"\x03")
            is_typed = True
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", errors="replace")


def test_a_run_is_stopped_goes_on_fails_and_ends(folder: Path) -> None:
    status, lines = piped(folder, "-n", *RUN)
    assert status == 0, lines
    assert len(lines) < 12
    assert any(re.fullmatch(r"  attention training +not made yet", line) for line in lines)

    # On a terminal there is a bar; Ctrl-C saves.
    def is_at_work(shown: str) -> bool:
        return re.search(rf"(\d\d+) of {ITERATIONS} iterations", shown) is not None

    status, shown = typed(folder, RUN, is_at_work)
    assert status == 1
    assert re.search(rf"attention training +\S* +\d+ of {ITERATIONS} iterations, \S+ left", shown)
    assert "\x1b[J" in shown
    assert "Traceback" not in shown
    last = shown.rpartition("\x1b[J")[2].splitlines()
    saved = re.search(rf"attention training: saved at iteration (\d+) of {ITERATIONS}", shown)
    assert saved
    assert last[-1] == "weakseg: stopped on request; the same command goes on from there."

    # In a pipe it goes on, in plain lines.
    status, lines = piped(folder, *RUN)
    assert status == 0, lines
    assert len(lines) <= 40
    assert not [line for line in lines if "\x1b" in line or "\r" in line]
    (training,) = (
        line for line in lines if re.match(rf"attention training +{ITERATIONS} iterations in", line)
    )
    assert ", loss " in training
    assert f"at iteration {saved[1]} of" in (folder / "results/mine/logs/attention_train.log").read_text()
    assert any("attention maps" in line and "mIoU" in line for line in lines)
    assert lines[lines.index("next:") + 1] == "  weakseg inspect results/mine"

    # Nothing is left to do.
    start = time.monotonic()
    status, lines = piped(folder, *RUN)
    assert (status, lines[-1]) == (0, "Nothing to be done: results/mine is complete.")
    print(f"nothing to be done after {time.monotonic() - start:.1f} s")

    # A failure ends with its sentence.
    weights = folder / "results/mine/attention/weights.pt"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    times = weights.stat()
    weights.write_bytes(content)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    (folder / TARGETS[0]).unlink()
    status, lines = piped(folder, *RUN)
    assert status == 1
    assert lines[-1].startswith("weakseg: results/mine/attention/weights.pt ")
    assert lines[-2] == "attention maps failed (log: results/mine/logs/attention_maps/1-of-2.log)"
    assert not [line for line in lines if "Exiting because" in line or "Traceback" in line]


def test_a_mistake_in_the_configuration_is_one_sentence(folder: Path) -> None:
    status, lines = piped(folder, "--cores", "1", "--configfile", "small.yaml", "--config", "shard=4")
    assert status == 1
    assert len(lines) == 2  # the first names the profile
    assert lines[1].startswith("weakseg: ")


def test_snakemakes_own_output_comes_back(folder: Path) -> None:
    status, lines = piped(folder, "-n", "--logger-weakseg-off", *RUN)
    assert status == 0
    assert "Nothing to be done" in "\n".join(lines) or "Job stats:" in lines
    assert "Building DAG of jobs..." in lines
