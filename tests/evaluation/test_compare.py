"""Runs side by side, through the command line."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.evaluation.compare import read_run


def finished(folder: Path, attention: float | None) -> Path:
    score = {"miou": attention, "undecided": 0.0}
    summary = {
        "scores": {"attention": score, "refined": {"miou": 0.7, "undecided": 0.05}},
        "localisation": {"gt_known": 0.61},
        "images_per_second": {"attention": 12.34},
        "rules": {
            "attention_train": {"jobs": 1, "seconds": 90.0, "memory_mb": 1000.0},
            "attention_maps": {"jobs": 2, "seconds": 30.0, "memory_mb": None},
        },
    }
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation" / "summary.json").write_text(json.dumps(summary))
    return folder


def test_table_and_figure(tmp_path: Path) -> None:
    runs = [finished(tmp_path / name, value) for name, value in (("cam", 0.41), ("seenet", None))]
    result = CliRunner().invoke(weakseg, ["compare", *map(str, runs), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1].split()[:2] == ["cam", "0.4100"]
    rows = list(csv.DictReader((tmp_path / "out" / "compare.csv").open(encoding="utf-8")))
    assert [row["run"] for row in rows] == ["cam", "seenet"]
    assert rows[0] | {"run": ""} == {
        "run": "",
        "attention": "0.4100",
        "fused": "–",
        "refined": "0.7000",
        "segmenter": "–",
        "segmenter-crf": "–",
        "undecided": "0.0500",
        "GT-known": "0.6100",
        "images/s": "12.3",
        "minutes": "2.0",
        "GB": "1.0",
    }
    assert rows[1]["attention"] == "–"
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_finished_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run it to its end first"):
        read_run(tmp_path / "nothing")
    run = finished(tmp_path / "run", 0.5)
    (run / "evaluation" / "summary.json").write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        read_run(run)
