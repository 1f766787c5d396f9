"""Finished results keep a second name until their successors are there."""

from pathlib import Path

from weakseg.storage.previous import drop, keep, results_of


def _finished(run: Path) -> None:
    for name in (
        "attention/weights.pt",
        "attention/history.csv",
        "segmenter/round-2/weights.pt",
        "evaluation/a.json",
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(f"old {name}")


def test_networks_histories_and_scores_are_kept(tmp_path: Path) -> None:
    _finished(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in results_of(tmp_path) if path.is_file()}
    assert names == {
        *(
            "attention/weights.pt",
            "attention/history.csv",
            "segmenter/round-2/weights.pt",
            "evaluation/a.json",
        )
    }


def test_what_is_kept_goes_when_its_successor_is_there(tmp_path: Path) -> None:
    _finished(tmp_path)
    keep(tmp_path, results_of(tmp_path))
    for name in ("attention/weights.pt", "segmenter/round-2/weights.pt"):
        (tmp_path / name).unlink()  # as Snakemake does before a job starts
    (tmp_path / "attention/weights.pt").write_text("new")
    keep(tmp_path, results_of(tmp_path))  # started once more: the first ones stay
    assert (tmp_path / "previous/attention/weights.pt").read_text() == "old attention/weights.pt"
    drop(tmp_path)
    kept = [
        path.relative_to(tmp_path / "previous")
        for path in (tmp_path / "previous").rglob("*")
        if path.is_file()
    ]
    assert kept == [Path("segmenter/round-2/weights.pt")]
    (tmp_path / "segmenter/round-2/weights.pt").write_text("new")
    drop(tmp_path)
    assert not (tmp_path / "previous").exists()
