"""Planning, reading an index, starting commands."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from setting import CLASSES, Setting

from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record

ROOT = Path(__file__).parents[1]
READING = """
import sys; from pathlib import Path; from weakseg.dataset.index import proxy_records, read_index, shard
index = read_index(Path(sys.argv[1]) / "index.csv", Path(sys.argv[1]) / "classes.csv")
print(len(shard(proxy_records(index), sys.argv[2])))
"""
"""What each job of a per-image stage does first."""
TIMED = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)
sys.exit(done.returncode)
"""
"""Run a command from a small process: a child's peak memory counts that of the process it was forked from."""
DAG_SIZES = {1_000: 10, 10_000: 100, 100_000: 200}
"""Images → shards: about a hundred images each, then more, as config.yaml advises. Planning looks for every file."""


def workflow(setting: Setting) -> dict[str, Any]:
    """Planning a run of many images, and how long commands take to start."""
    found: dict[str, Any] = {
        "help_seconds": _command(["weakseg", "--help"])[0],
        "train_help_seconds": _command(["weakseg", "attention", "train", "--help"])[0],
    }
    base = _command(["python", "-c", READING.partition("index =")[0]])[1]
    for images, shards in DAG_SIZES.items():
        records = [
            Record(str(n), Path(f"{n}.jpg"), "train" if n % 10 else "val", (CLASSES[n % 6],), None)
            for n in range(images)
        ]
        write_index(setting.folder, Index(records, CLASSES, tuple(range(len(CLASSES) + 1))))
        names = setting.folder / "names"
        names.mkdir(exist_ok=True)
        for n in range(images):
            (names / f"{n}.jpg").touch()
        table = setting.folder / "table.csv"
        rows = [f"{n}.jpg,{CLASSES[n % 6]},{'train' if n % 10 else 'val'}" for n in range(images)]
        table.write_text("\n".join(["image,labels,split", *rows, ""]), encoding="utf-8")
        section = {
            "source": "table",
            "classes": list(CLASSES),
            "table": {"images": str(names), "labels": str(table)},
        }
        taken, memory = _command(
            ["snakemake", "--dry-run", "--quiet", "all", "--cores", "1", "--config", f"run=plan-{images}",
             f"shards={shards}", f"dataset={json.dumps(section)}"]
        )  # fmt: skip
        reading = _command(["python", "-c", READING, str(setting.folder), f"2-of-{shards}"])
        found[f"images_{images}"] = {
            "shards": shards,
            "plan_seconds": taken,
            "plan_peak_mb": memory,
            "shard_read_seconds": reading[0],
            "shard_read_extra_mb": reading[1] - base,
        }
    if (ROOT / "results" / "demo" / "report.html").exists():
        found["no_op_seconds"] = _command(["snakemake", "--cores", "1"])[0]
    return found


def _command(words: Sequence[str]) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a command, the faster of two runs."""
    program = str(Path(sys.executable).parent / words[0])
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", TIMED, program, *words[1:]], cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode:
            raise click.ClickException(f"{' '.join(words[:3])} failed: {done.stderr[-500:]}")
        runs.append(tuple(map(float, done.stdout.split()[-2:])))
    seconds_taken, peak_mb = min(runs)
    return seconds_taken, peak_mb
