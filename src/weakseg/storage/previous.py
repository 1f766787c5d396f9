"""What was finished, kept while a run makes it again.

Snakemake deletes the outputs of a job before the job starts. `<run>/previous/` keeps them, as further names of the
same files, until all of their successors are there.
"""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FOLDER = "previous"


def keep(run: Path, files: Iterable[Path]) -> None:
    """Give files of a run a second name under `<run>/previous/`; what is kept there already stays.

    Args:
        run: its folder.
        files: below it. A file system without links gets copies.
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
    """Remove what was kept and has a successor; the rest waits for a run that makes it again."""
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
