from pathlib import Path

import pytest

from weakseg.storage.progress import progress_path, read_progress, reporting, tracked


def test_a_stage_tells_how_far_it_is_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weakseg.storage.progress.INTERVAL", 0.0)
    output, seen = tmp_path / "maps" / "shard-1-of-2.h5", []
    for _ in tracked(["a", "b", "c"], output):
        progress = read_progress(output)
        assert progress is not None
        seen.append((progress.done, progress.total, progress.unit))
    assert seen == [(0, 3, "image"), (1, 3, "image"), (2, 3, "image")]
    assert list(output.parent.iterdir()) == []


def test_the_last_image_is_told_at_once(tmp_path: Path) -> None:
    with reporting(tmp_path / "out", 2, "image") as reporter:
        reporter.advance(2)
        progress = read_progress(tmp_path / "out")
    assert progress is not None
    assert progress.done == 2


def test_images_without_a_length_need_their_number(tmp_path: Path) -> None:
    for _ in tracked(iter("ab"), tmp_path / "out", 2):
        progress = read_progress(tmp_path / "out")
        assert progress is not None
        assert progress.total == 2


def test_a_failed_stage_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="damaged"), reporting(tmp_path / "out", 2, "image"):
        assert progress_path(tmp_path / "out").is_file()
        raise ValueError("damaged")
    assert read_progress(tmp_path / "out") is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_no_stage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert list(tracked([1, 2], tmp_path / "file" / "out")) == [1, 2]


def test_a_resumed_training_counts_from_where_it_went_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weakseg.storage.progress.INTERVAL", 0.0)
    with reporting(tmp_path / "out", 100, "iteration", first=40) as reporter:
        reporter.advance(20, "loss 0.5")
        progress = read_progress(tmp_path / "out")
    assert progress is not None
    assert (progress.done, progress.first, progress.note) == (60, 40, "loss 0.5")
    assert progress.rate is not None
    assert progress.seconds_left is not None
    assert progress.seconds_left == pytest.approx(40 / progress.rate)
