"""What a run takes from other runs, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run.opened import open_table
from weakseg.run.reuse import configured, reused_indexes
from weakseg.run.start import refuse_copy
from weakseg.run.table import Table

SMALL = {"architecture": "vgg_small", "weights": "none"}
BASE: dict[str, Any] = {"attention": {"backbone": SMALL}, "segmenter": {"backbone": SMALL}}


def finished(root: Path, name: str, **sections: Any) -> Config:
    """A run of which every file is there, empty."""
    config = configured(BASE | {"run": name} | sections, "config.yaml", root)
    table = Table(config, root)
    for path in [*table.kept("all"), *table.kept("detector")]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    settings = table.folder / "configs" / "run.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    return config


def test_maps_are_taken_with_the_values_that_made_them(tmp_path: Path) -> None:
    finished(tmp_path, "first", attention={"method": "cam", "backbone": SMALL})
    config = configured(BASE | {"run": "second", "attention": {"from_run": "first"}}, "config.yaml", tmp_path)
    table = Table(config, tmp_path)
    assert config.attention.method == "cam"
    assert table["attention_maps"].shard_files[0] == tmp_path / "first/attention/maps/shard-1-of-2.h5"
    assert table["attention_maps"].benchmarks == []
    assert table["attention_train"].is_reused and not table.makes("attention_train")
    assert table.makes("saliency_train")
    assert reused_indexes(config, tmp_path) == [tmp_path / "first" / "dataset" / "index.csv"]


def test_proxies_bring_the_maps_that_they_were_made_of(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    finished(tmp_path, "second", attention={"from_run": "first", "backbone": SMALL})
    config = configured(BASE | {"run": "third", "proxy": {"from_run": "second"}}, "config.yaml", tmp_path)
    table = Table(config, tmp_path)
    assert table["proxy_refine"].run == tmp_path / "second"
    assert table["saliency_maps"].run == tmp_path / "second"
    assert table["attention_maps"].run == tmp_path / "first"  # where the second run took them from
    assert [stage.name for stage in table.stages if table.makes(stage.name)][:2] == [
        "dataset_index",
        "segmenter_train",
    ]


def test_a_run_that_is_read_again_says_where_its_maps_lie(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    finished(tmp_path, "second", attention={"from_run": "first", "backbone": SMALL})
    assert open_table(tmp_path / "second")["attention_maps"].run == tmp_path / "first"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"attention": {"from_run": "none"}},
            "attention.from_run is none, but .* has no configs/run.json; .*runs in .*: first",
        ),
        ({"attention": {"from_run": "mine"}}, "attention.from_run is mine, the run itself"),
        (
            {"proxy": {"from_run": "first"}, "shards": 3},
            "lie in 2 shards, but shards is 3; .* set shards to 2",
        ),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(tmp_path: Path, values: dict[str, Any], sentence: str) -> None:
    finished(tmp_path, "first")
    with pytest.raises(InputError, match=sentence):
        configured(BASE | {"run": "mine"} | values, "config.yaml", tmp_path)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    (tmp_path / "first/attention/maps/shard-2-of-2.h5").unlink()
    with pytest.raises(InputError, match=r"shard-2-of-2\.h5 is missing; a finished run was expected"):
        configured(BASE | {"run": "mine", "attention": {"from_run": "first"}}, "config.yaml", tmp_path)


def test_a_copied_folder_is_refused(tmp_path: Path) -> None:
    config = finished(tmp_path, "first")
    refuse_copy(Table(config, tmp_path))
    (tmp_path / "first").rename(tmp_path / "copied")
    copied = config.model_copy(update={"run": "copied"})
    with pytest.raises(InputError, match=r"copied is a copy of the run first; .* attention\.from_run"):
        refuse_copy(Table(copied, tmp_path))
    assert open_table(tmp_path / "copied").folder == tmp_path / "copied"  # looking at it is fine
