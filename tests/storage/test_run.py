"""The view of a run's folder."""

import json
from pathlib import Path

import pytest

from weakseg.errors import InputError
from weakseg.storage.run import Run, open_run


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write(tmp_path / "results/one/configs/stage.json", '{"scales": [1]}')
    write(tmp_path / "results/two/configs/stage.json", "[1]")
    return open_run(tmp_path / "results/one")


def test_files_that_are_there(run: Run) -> None:
    maps = [write(run.folder / f"attention/maps/shard-{part}-of-2.h5") for part in (2, 1)]
    write(run.folder / "attention/maps/.shard-1-of-2.h5.1.tmp")
    assert run.maps("attention") == maps[::-1]
    assert run.maps("saliency") == []
    weights = write(run.folder / "attention/weights.pt")
    assert run.trained("attention") == weights
    assert run.settings("stage") == {"scales": [1]}
    shard = write(run.folder / "benchmarks/attention_maps/1-of-2.tsv")
    rule = write(run.folder / "benchmarks/attention_train.tsv")
    assert run.benchmarks() == [("attention_train", rule), ("attention_maps", shard)]


def test_what_is_missing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no segmenter/weights\.pt: it is not finished"):
        run.trained("segmenter")
    with pytest.raises(InputError, match=r"other\.json cannot be read"):
        run.settings("other")
    with pytest.raises(InputError, match="holds no settings"):
        open_run(tmp_path / "results/two").settings("stage")
    with pytest.raises(InputError, match=r"on does not exist; .* \(runs in .*results: one, two\)"):
        open_run(tmp_path / "results/on")
    with pytest.raises(InputError, match=r"results is no run .* holds no run\)"):
        open_run(tmp_path / "results")


def test_paths_of_the_index_start_where_results_lies(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = write(tmp_path / "data/a.jpg")
    assert run.locate(Path("data/a.jpg")) == image.resolve()
    assert run.locate(image) == image
    assert run.locate(Path("data/none.jpg")) == Path("data/none.jpg")  # named as the index has it
    monkeypatch.chdir(tmp_path)
    assert Run(Path("results/one")).locate(Path("data/a.jpg")) == image.resolve()


def test_the_segmenter_is_that_of_the_last_trained_round(tmp_path: Path) -> None:
    weights = [write(tmp_path / name / "weights.pt") for name in ("segmenter", "segmenter/round-2")]
    (tmp_path / "configs").mkdir()
    run = open_run(tmp_path)
    assert run.trained("segmenter") == weights[0]  # its settings are not written yet
    settings = tmp_path / "configs" / "run.json"
    for segmenter, last in (
        ({"method": "largefov"}, 1),
        ({"rounds": 1}, 1),
        ({"rounds": 2}, 2),
        ({"rounds": 3}, 2),
    ):
        settings.write_text(json.dumps({"segmenter": segmenter}), encoding="utf-8")
        assert run.round == last
        assert run.trained("segmenter") == weights[last - 1]
    weights[1].unlink()
    assert run.trained("segmenter") == weights[0]


def test_what_was_made_with_other_settings_is_passed_over(run: Run) -> None:
    maps = [
        write(run.folder / f"attention/maps/shard-{n}-of-{shards}.h5") for shards in (2, 4) for n in (1, 2)
    ]
    names = ("segmenter_train_round-2", "segmenter_predict-2/1-of-2", "evaluate_labels/segmenter-crf-2")
    other = [write(run.folder / f"benchmarks/{name}.tsv") for name in (*names, "proxy_fuse/1-of-4")]
    own = [write(run.folder / f"benchmarks/{name}.tsv") for name in ("segmenter_train", "proxy_fuse/1-of-2")]
    assert set(run.maps("attention")) == {*maps}  # its settings are not written yet
    write(run.folder / "configs/run.json", '{"shards": 2, "segmenter": {"rounds": 1}}')
    assert run.maps("attention") == maps[:2]
    assert [path for _, path in run.benchmarks()] == own
    write(run.folder / "configs/run.json", '{"shards": 2, "segmenter": {"rounds": 2}}')
    assert {path for _, path in run.benchmarks()} == {*own, *other[:3]}
