"""Runs side by side, through the command line."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.health.record import StageHealth, Warning, write_health
from weakseg.evaluation.localisation import Localisation
from weakseg.evaluation.score import Score, write_json, write_score
from weakseg.report.compare import read_run

Run = Callable[..., Path]


def scored(stage: str, miou: float | None, undecided: float) -> Score:
    return Score(stage, "train", 2, 0, miou, miou, miou, undecided, {"background": miou, "cat": miou})


@pytest.fixture
def run(configure: Callable[..., Path]) -> Run:
    """Makes a run."""
    return lambda folder, attention, **values: write(configure(folder, shards=2, **values), attention)


def write(folder: Path, attention: float | None) -> Path:
    """What a run leaves whose segmenter is not trained yet: files as the rooms and Snakemake write them."""
    evaluation, benchmarks = folder / "evaluation", folder / "benchmarks"
    write_score(evaluation / "attention.json", scored("attention", attention, 0.0))
    write_score(evaluation / "refined.json", scored("refined", 0.7, 0.05))
    boxes = Localisation("train", 9, 0.2, 0.61, {"0.5": 0.61}, 0.61, None, None)
    write_json(evaluation / "localisation.json", vars(boxes))
    images = [Record(str(n), folder / f"{n}.jpg", "train", ("cat",), None) for n in range(4)]
    write_index(folder / "dataset", Index(tuple(images), ("cat",), (0, 1)))
    (folder / "attention").mkdir()
    (folder / "attention" / "history.csv").write_text(
        "iteration,epoch,learning_rate,loss,seconds\n10,5,0.1,0.5,1.0\n20,10,0.1,0.4,3.0\n"
    )
    (benchmarks / "attention_maps").mkdir(parents=True)
    (benchmarks / "attention_train.tsv").write_text("s\tmax_rss\n90.0\t1000.0\n")
    for shard in ("1-of-2", "2-of-2"):
        (benchmarks / "attention_maps" / f"{shard}.tsv").write_text("s\tmax_rss\n15.0\tNA\n")
    return folder


def test_table_and_figure(run: Run, tmp_path: Path) -> None:
    runs = [run(tmp_path / name, value) for name, value in (("cam", 0.41), ("seenet", None))]
    (runs[0] / "evaluation" / "supervision.json").write_text(
        '{"line": "supervision: image labels + ImageNet", "pixel_labels": false, "sources": []}'
    )
    warning = Warning("attention.collapsed", "found", "usually", "a: 1", ("cow", "sheep"))
    health = StageHealth("attention_maps", "line", 4, warnings=(warning,))
    write_health(runs[0] / "evaluation" / "health" / "attention_maps.json", [health])
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
        "refined, undecided wrong": "0.7000",
        "refined, undecided background": "–",
        "GT-known": "0.6100",
        "warnings": "1",
        "images/s": "10.0",
        "minutes": "2.0",
        "GB": "1.0",
        "supervision": "image labels + ImageNet",
    }
    assert rows[1]["supervision"] == "not recorded"
    assert rows[1]["warnings"] == "–"
    assert result.output.splitlines()[-3:] == [
        "cam: supervision: image labels + ImageNet",
        "cam: health: attention.collapsed (cow and sheep)",
        "seenet: supervision: not recorded",
    ]
    assert rows[1]["attention"] == "–"
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_rounds_have_columns_of_their_own(run: Run, tmp_path: Path) -> None:
    runs = [
        run(tmp_path / name, 0.4, segmenter={"rounds": rounds})
        for rounds, name in enumerate(("once", "twice"), 1)
    ]
    for stage, miou in (("segmenter-2", 0.66), ("relabelled-2", 0.64), ("segmenter-crf", 0.62)):
        write_score(runs[1] / "evaluation" / f"{stage}.json", scored(stage, miou, 0.0))
    (runs[1] / "evaluation" / "other-2.json").write_text("{}")
    result = CliRunner().invoke(weakseg, ["compare", *map(str, runs), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "out" / "compare.csv").open(encoding="utf-8")))
    stages = list(rows[0])[1:10]
    assert stages[:5] == ["attention", "fused", "refined", "segmenter", "segmenter-crf"]
    assert stages[5:] == ["relabelled-2", "segmenter-2", "segmenter-crf-2", "undecided"]
    assert [row["segmenter-2"] for row in rows] == ["–", "0.6600"]


def test_rounds_of_before_are_passed_over(run: Run, tmp_path: Path) -> None:
    folder = run(tmp_path / "lowered", 0.4, segmenter={"rounds": 2})
    for stage in ("segmenter", "segmenter-2", "segmenter-3"):
        write_score(folder / "evaluation" / f"{stage}.json", scored(stage, 0.6, 0.0))
    (folder / "benchmarks" / "segmenter_train").mkdir()
    (folder / "benchmarks" / "segmenter_train" / "round-3.tsv").write_text("s\tmax_rss\n600.0\t9000.0\n")
    found = read_run(folder)
    scores = {name for name, miou in found.miou.items() if miou is not None}
    assert scores == {"attention", "refined", "segmenter", "segmenter-2"}
    assert found.minutes == 2.0


def test_what_is_not_a_run(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing does not exist; the folder of a run"):
        read_run(tmp_path / "nothing")
    empty = run(tmp_path / "empty", 0.5)
    for file in (empty / "evaluation").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="empty has no scores yet"):
        read_run(empty)
    damaged = run(tmp_path / "run", 0.5)
    (damaged / "evaluation" / "refined.json").write_text("{}")
    with pytest.raises(InputError, match="refined"):
        read_run(damaged)
