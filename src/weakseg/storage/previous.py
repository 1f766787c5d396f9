"""Keeps finished results while a run makes them again.

Snakemake deletes the outputs of a job before the job starts. `<run>/previous/` keeps hard links to them until the new
ones exist.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FOLDER = "previous"


def keep(run: Path, files: Iterable[Path]) -> None:
    """Link files of a run under `<run>/previous/`, without replacing files that are there already.

    Args:
        run: its folder.
        files: files below it; they are copied if the file system has no hard links.
    """
    for file in files:
        kept = run / FOLDER / file.relative_to(run)
        if not file.is_file() or kept.exists():
            continue
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, kept)
        except OSError:
            shutil.copy2(file, kept)


def drop(run: Path) -> None:
    """Remove kept files whose new version exists."""
    kept = run / FOLDER
    for file in [path for path in kept.rglob("*") if path.is_file()]:
        if (run / file.relative_to(kept)).is_file():
            file.unlink()
    for folder in sorted((path for path in kept.rglob("*") if path.is_dir()), reverse=True):
        _remove_empty(folder)
    _remove_empty(kept)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # absent, or something is still kept in it
        folder.rmdir()


def results_of(run: Path) -> list[Path]:
    """Trained weights with their histories, and all scores."""
    trained = [*run.glob("*/weights.pt"), *run.glob("*/*/weights.pt")]
    histories = [path.with_name("history.csv") for path in trained]
    scores = [path for path in (run / "evaluation").glob("*") if path.is_file()]
    return [path for path in (*trained, *histories, *scores, run / "report.html") if FOLDER not in path.parts]
