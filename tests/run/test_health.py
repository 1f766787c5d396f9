"""What the health checks of a run read, and which of them the segmenter waits for."""

from pathlib import Path
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.evaluation.health.record import StageHealth, write_health
from weakseg.run.health import looked_at, run_health
from weakseg.run.table import Table

WEAK = ["saliency_maps", "attention_maps", "proxy_fuse", "proxy_refine"]


def table(root: Path = Path("results"), **values: Any) -> Table:
    return Table(Config.model_validate({"run": "mine"} | values), root)


def names(files: list[Path]) -> list[str]:
    return [file.stem for file in files]


def test_checked_stages_follow_the_target() -> None:
    assert [stage.name for stage in table().checked("proxies")] == WEAK
    assert [stage.name for stage in table().checked()] == [*WEAK, "segmenter_predict"]
    assert table().checked("detector") == []
    masks = table(segmenter={"labels": "masks"})
    assert [stage.name for stage in masks.checked()] == ["segmenter_predict"]
    assert "--before" not in looked_at(masks, "segmenter_predict").options
    rounds = [stage.name for stage in table(segmenter={"rounds": 2}).checked()]
    assert rounds == [*WEAK, "segmenter_predict", "segmenter_relabel-2", "segmenter_predict-2"]


@pytest.mark.parametrize("stage", [*WEAK, "segmenter_predict", "segmenter_relabel-2", "segmenter_predict-2"])
def test_a_check_reads_declared_files_of_stages_and_no_mask(stage: str) -> None:
    found = looked_at(table(segmenter={"rounds": 2}), stage)
    declared = {file for made in table(segmenter={"rounds": 2}).stages for file in made.files}
    assert set(found.files) <= declared
    assert found.files
    assert not [word for word in found.options if "mask" in word]


def test_a_reused_room_is_read_where_it_lies_and_its_health_is_the_runs_own() -> None:
    other = table(proxy={"from_run": "first"})
    assert {file.parts[1] for file in looked_at(other, "proxy_fuse").files} >= {"first"}
    assert other.health(other["proxy_fuse"]) == Path("results/mine/evaluation/health/proxy_fuse.json")


def test_the_segmenter_waits_only_where_something_may_stop_it() -> None:
    assert table().health_before(1) == []
    stops = {"stop": ["attention.collapsed"]}
    assert names(table(health=stops).health_before(1)) == WEAK
    assert names(table(health=stops, segmenter={"rounds": 2}).health_before("2")) == ["segmenter_relabel-2"]
    assert table(health=stops, segmenter={"labels": "masks"}).health_before(1) == []


def test_health_of_a_run_at_work_is_what_is_there(tmp_path: Path) -> None:
    mine = table(tmp_path)
    assert run_health(mine) == []
    for name in ("proxy_fuse", "saliency_maps"):
        write_health(mine.health(mine[name]), [StageHealth(name, "line", 3)])
    assert [stage.stage for stage in run_health(mine)] == ["saliency_maps", "proxy_fuse"]
