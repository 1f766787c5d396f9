"""The first look at many images: on several processes, and after a kill only at those that were not seen."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset import looking
from weakseg.dataset.files import read_files
from weakseg.dataset.indexing import check_data
from weakseg.dataset.looking import JOURNAL, look
from weakseg.dataset.pictures import read_pictures
from weakseg.dataset.settings import DatasetConfig

COUNT = 12


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images in class folders; three are many."""
    monkeypatch.setattr(looking, "MANY", 3)
    monkeypatch.setattr(looking, "CHUNK", 2)
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / f"images/{('cat', 'dog')[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    (tmp_path / "run").mkdir()
    return tmp_path


def settings(data: Path) -> DatasetConfig:
    return DatasetConfig.model_validate({"source": "folders", "folders": {"images": str(data / "images")}})


def test_several_processes_see_what_one_sees(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = check_data(settings(data), data / "run", processes=2)
    monkeypatch.setattr(looking, "MANY", COUNT)
    alone = check_data(settings(data), data / "alone")
    assert several.index.pictures == alone.index.pictures and len(alone.index.pictures) == COUNT
    assert (several.data, several.found) == (alone.data, alone.found)
    assert not (data / "alone" / JOURNAL).exists()


def test_after_a_kill_only_the_others_are_opened(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = settings(data).own.listing(settings(data), data / "run").index.records
    rows = looking._rows

    def killed(paths: list[str], processes: int) -> object:
        for number, row in enumerate(rows(paths, processes)):
            if number == 5:
                raise KeyboardInterrupt
            yield row

    monkeypatch.setattr(looking, "_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        look(records, data / "run", processes=2)
    with (data / "run" / JOURNAL).open("a", encoding="utf-8") as file:
        file.write("half a row,12")  # as a kill leaves it
    asked: list[str] = []

    def told(paths: list[str], processes: int) -> object:
        asked.extend(paths)
        return rows(paths, processes)

    monkeypatch.setattr(looking, "_rows", told)
    found = look(records, data / "run", processes=2)
    assert len(asked) == COUNT - 5
    assert len(found.pictures) == COUNT == len(found.known)


def test_a_finished_index_needs_no_notes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "dataset.json").write_text(settings(data).model_dump_json(), encoding="utf-8")
    words = ["dataset", "index", "--config", str(data / "dataset.json"), "--out", str(data / "run")]
    assert CliRunner().invoke(weakseg, [*words, "--processes", "2"], catch_exceptions=False).exit_code == 0
    assert not (data / "run" / JOURNAL).exists()
    assert len(read_files(data / "run").rows) == len(read_pictures(data / "run")) == COUNT
    monkeypatch.setattr(looking, "_rows", None)  # nothing is opened again
    assert CliRunner().invoke(weakseg, words, catch_exceptions=False).exit_code == 0


def test_a_damaged_image_is_told_as_without_processes(data: Path) -> None:
    shutil.copy(__file__, data / "images/cat/0.png")
    Image.new("RGB", (5, 5)).save(data / "images/dog/1.png")
    chosen = settings(data).model_copy(update={"bad_images": "skip"})
    found = check_data(chosen, data / "run", processes=2)
    assert [item.id for item in found.index.bad] == ["cat/0"]
    assert "is not in a supported image format" in found.index.bad[0].reason
    assert len(found.index.pictures) == COUNT - 1
