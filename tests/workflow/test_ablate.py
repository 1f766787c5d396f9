"""An ablation by real Snakemake: killed, gone on with, and its table."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow
TRAINING = {"iterations": 2, "batch_size": 4, "crop": 32, "workers": 0, "precision": "fp32"}
BASE = {
    "run": "mine",
    "shards": 1,
    "dataset": {"demo": {"train": 12, "val": 4, "saliency": 4, "size": 64}},
    "saliency": {"method": "unsupervised"},
    "attention": {"method": "cam", "training": TRAINING, "maps": {"size": 64}},
    "segmenter": {"training": TRAINING},
    "evaluation": {"sample": 0, "worst": 0},
}
STUDY = {
    "base": "mine.yaml",
    "variants": {
        "no-crf": {"proxy": {"refine": {"enabled": False}}},
        "longer": {"segmenter": {"training": {"iterations": 3}}},
    },
}


def _start(folder: Path) -> "subprocess.Popen[str]":
    words = ["ablate", "study.yaml", "--cores", "2", "--", "--max-threads", "1", "--logger-weakseg-off"]
    return subprocess.Popen(
        [sys.executable, "-c", "from weakseg.cli import main; main()", *words],
        cwd=folder,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_a_killed_ablation_goes_on_and_makes_nothing_twice(ran: Any) -> None:
    (ran.folder / "mine.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    (ran.folder / "study.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
    results = ran.folder / "results"
    process = _start(ran.folder)
    try:
        deadline = time.monotonic() + 1200
        while not (results / "study-no-crf" / "configs" / "run.json").is_file():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    finished = {path: path.stat().st_mtime_ns for path in (results / "mine").rglob("weights.pt")}
    assert len(finished) == 3  # the classifier, the segmenter, and its copy
    process = _start(ran.folder)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    assert "Nothing to be done" in output.partition("2 of 3")[0]
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    logs = {
        run: {path.name for path in (results / f"study-{run}" / "logs").iterdir()}
        for run in STUDY["variants"]
    }
    assert not any("attention_train.log" in names for names in logs.values())
    assert "proxy_refine" in logs["no-crf"] and "proxy_refine" not in logs["longer"]
    with (results / "ablation-study" / "table.csv").open(encoding="utf-8") as file:
        rows = {(row["variant"], row["stage"]): row for row in csv.DictReader(file)}
    assert {name for name, _ in rows} == {"base", "no-crf", "longer"}
    assert rows["no-crf", "attention"]["result"] == rows["longer", "refined"]["result"] == "same as base"
    assert rows["no-crf", "refined"]["result"] == rows["longer", "segmenter-crf"]["result"] == "one value"
    assert float(rows["longer", "segmenter"]["minutes"]) > 0
    assert "| longer" in output and "table.md" in output


def test_a_variant_that_fails_leaves_the_table_of_those_before(ran: Any) -> None:
    broken = {"variants": {"odd": {"saliency": {"method": "folder", "folder": {"folder": "nowhere"}}}}}
    (ran.folder / "mine.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    (ran.folder / "study.yaml").write_text(yaml.safe_dump(STUDY | broken), encoding="utf-8")
    process = _start(ran.folder)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert (
        "1 of 2 runs are finished" in output
        and "nowhere, which does not exist" in output
        and "Traceback" not in output
    )
    with (ran.folder / "results" / "ablation-study" / "table.csv").open(encoding="utf-8") as file:
        assert {row["variant"] for row in csv.DictReader(file)} == {"base"}
