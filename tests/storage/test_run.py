"""The view of a run's folder."""

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
    weights = write(run.folder / "segmenter/weights.pt")
    write(run.folder / "segmenter/round-2/weights.pt")
    assert run.trained("segmenter") == weights
    assert run.settings("stage") == {"scales": [1]}


def test_what_is_missing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no segmenter/weights\.pt: it is not finished"):
        run.trained("segmenter")
    with pytest.raises(InputError, match=r"other\.json cannot be read"):
        run.settings("other")
    with pytest.raises(InputError, match="holds no settings"):
        open_run(tmp_path / "results/two").settings("stage")
    with pytest.raises(InputError, match=r"on does not exist; .* \(runs in .*results: one, two\)"):
        open_run(tmp_path / "results/on")
    with pytest.raises(InputError, match=r"results is not a run .* holds no run\)"):
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
