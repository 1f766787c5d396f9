"""The demo as jobs of a real Slurm: the scores of a local run, and a cancelled job that goes on.

    pytest -m slurm                as root on Debian: it installs, starts and stops the cluster

Needs `pip install snakemake-executor-plugin-slurm`.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = Path(__file__).parent / "cluster.sh"
SMALL = {
    "dataset": {"demo": {"train": 24, "val": 8, "saliency": 8, "size": 64}},
    "saliency": {"small": {"training": {"iterations": 10, "batch_size": 4, "crop": 64}}},
    "attention": {
        "training": {"iterations": 120, "batch_size": 4, "crop": 64, "checkpoint_every": 20},
        "maps": {"size": 64},
    },
    "segmenter": {"training": {"iterations": 10, "batch_size": 4, "crop": 64}},
    "shards": 2,
}
SLURM = [
    *("--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "1", "--max-threads", "2", "--configfile", "small.yaml"),
]

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the workflow, with Slurm running."""
    checkout = tmp_path_factory.mktemp("slurm")
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, checkout / name)
    for name in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, checkout / name)
    (checkout / "small.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    state = tmp_path_factory.mktemp("cluster")
    subprocess.run([CLUSTER, "start", state], check=True)
    yield checkout
    subprocess.run([CLUSTER, "stop", state], check=True)


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=1500)
    assert process.returncode == 0, output
    return output


def jobs() -> dict[str, str]:
    """Running Slurm jobs: number → comment, which names the rule."""
    lines = subprocess.run(
        ["squeue", "--noheader", "--states", "RUNNING", "--format", "%i %k"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def rows(history: Path) -> int:
    return len(history.read_text(encoding="utf-8").splitlines()) if history.is_file() else 0


def scores(folder: Path, run: str) -> Any:
    summary = json.loads(
        (folder / "results" / run / "evaluation" / "summary.json").read_text(encoding="utf-8")
    )
    return summary["scores"]


def test_slurm_gives_the_scores_of_a_local_run_though_a_job_is_cancelled(folder: Path) -> None:
    finish(start(folder, "--cores", "2", "--configfile", "small.yaml", "--config", "run=here"))

    process = start(folder, *SLURM, "--config", "run=there")
    history = folder / "results" / "there" / "attention" / "state" / "history.csv"
    deadline = time.monotonic() + 600
    while rows(history) < 4:  # thirty iterations: a checkpoint is written
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the training did not start"
        time.sleep(0.1)
    training = [number for number, comment in jobs().items() if "attention_train" in comment]
    assert len(training) == 1
    subprocess.run(["scancel", *training], check=True)
    output = finish(process)

    assert f"SLURM-job '{training[0]}' failed" in output
    log = (folder / "results" / "there" / "logs" / "attention_train.log").read_text(encoding="utf-8")
    assert "resuming" in log
    assert scores(folder, "there") == scores(folder, "here")  # the same threads, the same bits


def test_a_training_of_two_processes_starts_them_inside_its_job(folder: Path) -> None:
    together = ["run=together", "attention={training: {processes: 2, iterations: 20, precision: fp32}}"]
    target = "results/together/attention/weights.pt"
    finish(start(folder, *SLURM, "--config", *together, "--", target))
    log = (folder / "results" / "together" / "logs" / "attention_train.log").read_text(encoding="utf-8")
    assert "MEMBER: 2/2" in log
    assert (
        rows(folder / "results" / "together" / "attention" / "history.csv") == 3
    )  # a header; the first one alone writes
