"""A class that its image's labels name, and that gets no pixel: it is not learnt as background."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.presence import Tally, doubted, missing
from weakseg.storage.shards import write_shard

LABELLED = {"a": "cat", "b": "cat|dog", "d": ""}


def test_doubt_by_hand() -> None:
    labels = np.array([[0, 255, 2], [0, 0, 2]], np.uint8)
    assert missing(labels, [1, 2]) == [1]
    assert doubted(labels, [1, 2]).tolist() == [[255, 255, 2], [255, 255, 2]]
    assert doubted(labels, [2]) is labels
    assert doubted(labels, []) is labels, "an image without any class is background"
    assert doubted(labels, [1, 2]).dtype == np.uint8


def test_what_a_tally_says() -> None:
    tally = Tally(["cat", "dog"])
    assert tally.add("a", np.zeros((2, 2), np.uint8), [1, 2]) == "cat|dog"
    assert (
        tally.line("fused", "so")
        .splitlines()[1]
        .startswith("weakseg: no class has a pixel in any of 1 label")
    )
    assert tally.add("b", np.ones((2, 2), np.uint8), [1]) == ""
    assert tally.add("c", np.zeros((2, 2), np.uint8), []) == ""
    assert tally.line("fused", "so") == (
        "fused 3 images, 1 of them without a class and all background; in 1 of them a labelled class has no pixel "
        "(first: a), so"
    )
    only_negatives = Tally(["cat"])
    only_negatives.add("c", np.zeros((2, 2), np.uint8), [])
    assert only_negatives.line("refined", "so") == (
        "refined 1 images, 1 of them without a class and all background"
    )


@pytest.fixture
def stage(table_data: Path, tmp_path: Path) -> Path:
    """An index of three training images of 24×32 pixels, with maps: `a` has a salient cat, `b` only a dog of two."""
    records = [
        Record(
            name, table_data / "images" / f"{name}.jpg", "train", tuple(filter(None, labels.split("|"))), None
        )
        for name, labels in LABELLED.items()
    ]
    write_index(tmp_path, Index(tuple(records), ("cat", "dog"), (0, 1, 2)))
    write_maps(tmp_path, salient=1.0)
    return tmp_path


def write_maps(stage: Path, salient: float) -> None:
    square = np.zeros((24, 32), np.float32)
    square[6:18, 8:24] = salient
    saliency = [(name, {"saliency": square}) for name in LABELLED]
    attention = {"a": {"cat": square}, "b": {"cat": square / 2, "dog": square}, "d": {}}
    write_shard(stage / "saliency.h5", saliency)
    write_shard(stage / "attention.h5", attention.items())


def run(
    stage: Path, command: str, settings: dict[str, Any], *more: object
) -> tuple[list[str], dict[str, Any]]:
    """What `weakseg proxy` says, and the rows of its table by id."""
    (stage / "stage.json").write_text(json.dumps(settings), encoding="utf-8")
    given = ["proxy", command, "--config", stage / "stage.json", "--index", stage / "index.csv"]
    given += [
        "--classes",
        stage / "classes.csv",
        "--shard",
        "1-of-1",
        *more,
        "--out",
        stage / f"{command}.csv",
    ]
    done = CliRunner().invoke(weakseg, [*map(str, given)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with (stage / f"{command}.csv").open(encoding="utf-8") as file:
        return done.output.splitlines(), {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture
def fuse(stage: Path) -> Callable[[str], tuple[list[str], dict[str, Any]]]:
    maps = [
        "--attention",
        stage / "attention.h5",
        "--saliency",
        stage / "saliency.h5",
        "--labels",
        stage / "fused",
    ]
    return lambda rule: run(stage, "fuse", {"rule": rule}, *maps)


@pytest.fixture
def refine(stage: Path) -> Callable[..., tuple[list[str], dict[str, Any]]]:
    folders = ["--fused", stage / "fused", "--labels", stage / "refined"]
    return lambda **settings: run(stage, "refine", settings, *folders)


@pytest.mark.parametrize("rule", ["threshold", "seenet", "dcsp"])
@pytest.mark.parametrize("enabled", [True, False])
def test_its_background_is_not_learnt(stage: Path, fuse: Any, refine: Any, rule: str, enabled: bool) -> None:
    said, rows = fuse(rule)
    assert [rows[name]["missing"] for name in LABELLED] == ["", "cat", ""]
    assert "in 1 of them a labelled class has no pixel (first: b)" in said[-1]
    said, rows = refine(enabled=enabled)
    assert said[-1].endswith("(first: b), proxy.refine.missing_class: their background is left undecided")
    refined = {name: read_labels(stage / "refined" / f"{name}.png") for name in LABELLED}
    assert {name: set(np.unique(labels)) for name, labels in refined.items()} == {
        "a": {0, 1},
        "b": {2, 255},
        "d": {0},
    }
    assert rows["b"]["missing"] == "cat"
    assert float(rows["b"]["undecided"]) == pytest.approx((refined["b"] == 255).mean(), abs=1e-4)


def test_the_switch_keeps_it_background(stage: Path, fuse: Any, refine: Any) -> None:
    fuse("threshold")
    said, _ = refine(missing_class="background")
    assert said[-1].endswith("their background is kept as background")
    assert set(np.unique(read_labels(stage / "refined" / "b.png"))) == {0, 2}


def test_a_class_that_the_crf_wipes_out_counts_as_missing(stage: Path, fuse: Any, refine: Any) -> None:
    fuse("threshold")
    speck = np.zeros((24, 32), np.uint8)
    speck[3, 3] = 1
    write_labels(stage / "fused" / "a.png", speck)
    _, rows = refine(crf={"preset": "psa"})
    assert rows["a"]["missing"] == "cat"
    assert (read_labels(stage / "refined" / "a.png") == 255).all()


@pytest.mark.parametrize("rule", ["threshold", "seenet", "dcsp", "oaa"])
def test_where_nothing_has_a_class_it_is_one_sentence(stage: Path, fuse: Any, refine: Any, rule: str) -> None:
    write_maps(stage, salient=0.0)
    said, rows = fuse(rule)
    assert said[-1].startswith(
        "weakseg: no class has a pixel in any of 2 label maps, all is background or undecided;"
    )
    assert [rows[name]["missing"] for name in LABELLED] == ["cat", "cat|dog", ""]
    said, _ = refine()
    assert said[-1].startswith("weakseg: no class has a pixel in any of 2 label maps")
    for name in ("a", "b"):
        assert (read_labels(stage / "refined" / f"{name}.png") == 255).all()
