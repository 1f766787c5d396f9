"""The campaign's own measures: a comparison that sees every difference, and a cost that is counted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from faulty.artefacts import cost, differences, digests, progress
from faulty.demo import CORES
from faulty.table import Entry, Report

from weakseg.storage.labels import write_labels
from weakseg.storage.shards import write_shard
from weakseg.storage.weights import Weights, save_weights


def _weights(path: Path, change: float = 0.0) -> None:
    save_weights(path, Weights("attention", {"w": torch.tensor([1.0, 2.0 + change])}, {}, []))


def _made(folder: Path) -> Path:
    _weights(folder / "attention/weights.pt")
    write_shard(folder / "attention/maps/shard-1-of-1.h5", [("a", {"cat": np.ones((2, 2))})])
    for name in ("proxy/fused/a.png", "segmenter/predictions/crf/deep/a.png"):
        write_labels(folder / name, np.zeros((3, 3), np.uint8))
    (folder / "evaluation").mkdir()
    (folder / "evaluation/refined.json").write_text('{"miou": 0.5}', encoding="utf-8")
    return folder


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    first, second = (digests(_made(tmp_path / name)) for name in ("a", "b"))
    assert len(first) == 4
    assert differences(first, second) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("attention/weights.pt", lambda path: _weights(path, 1e-6)),
        (
            "attention/maps/shard-1-of-1.h5",
            lambda path: write_shard(path, [("a", {"cat": np.zeros((2, 2))})]),
        ),
        ("proxy/fused/a.png", lambda path: write_labels(path, np.eye(3, dtype=np.uint8))),
        ("evaluation/refined.json", lambda path: path.write_text('{"miou": 0.51}', encoding="utf-8")),
        ("proxy/fused/a.png", lambda path: path.unlink()),
    ],
)
def test_every_difference_is_seen(tmp_path: Path, name: str, change: Callable[[Path], None]) -> None:
    calm = digests(_made(tmp_path / "a"))
    change(_made(tmp_path / "b") / name)
    assert differences(calm, digests(tmp_path / "b")) == [name]


def test_what_was_done_twice_is_counted(tmp_path: Path) -> None:
    run = _made(tmp_path / "run")
    (run / "attention/state").mkdir()
    (run / "attention/state/history.csv").write_text("iteration,loss\n10,2\n20,1\n30,1\n", encoding="utf-8")
    before = progress(run)
    assert before.iterations == {"attention": 30}
    assert len(before.finished) == 2
    assert cost(before, run, "resuming results/run/attention/state at iteration 30 of 60").iterations == 0
    resumed = cost(
        before, run, "resuming results/run/attention/state at iteration 20 of 60\nattention 30/60: loss"
    )
    assert resumed.iterations == 10
    assert resumed.is_within_promise(CORES)
    repeated = cost(before, run, "training attention on 24 images\nattention 10/60: loss 1")
    assert repeated.iterations == 30
    assert not repeated.is_within_promise(CORES)
    assert cost(before, run, "training attention on 24 images").iterations == 0  # killed before it began
    (run / "attention/weights.pt").unlink()
    assert cost(before, run, "").artefacts == ("attention/weights.pt",)


def test_the_table_counts_what_went_wrong(tmp_path: Path) -> None:
    entries = [Entry("run-1", "kill", "x", "", 10, ()), Entry("run-1", "kill", "y", "lost", 20, ("a", "b"))]
    report = Report(1, 1, entries)
    assert report.problems == [entries[1]]
    assert "| kill | 2 | 1 | 20 | 2 |" in report.as_markdown()
    report.write(tmp_path / "deep" / "faults.json")
    assert (tmp_path / "deep" / "faults.md").read_text(encoding="utf-8") == report.as_markdown()
