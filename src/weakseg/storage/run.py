"""A run on disk: where its files lie, and a sentence for each that is missing."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.errors import InputError


@dataclass(frozen=True)
class Run:
    """The files below `results/<run>`; that they exist is asked by who needs them.

    Attributes:
        folder: `results/<run>`.
    """

    folder: Path

    @property
    def index(self) -> Path:
        """Every image with its split, labels and mask."""
        return self.folder / "dataset" / "index.csv"

    @property
    def classes(self) -> Path:
        """Class names and their mask values."""
        return self.folder / "dataset" / "classes.csv"

    @property
    def evaluation(self) -> Path:
        """Folder of the scores."""
        return self.folder / "evaluation"

    def history(self, room: str) -> Path:
        """Losses of a room's training."""
        return self.folder / room / "history.csv"

    def maps(self, room: str) -> list[Path]:
        """Shards of a room's maps that are made already."""
        return sorted((self.folder / room / "maps").glob("shard-*.h5"))

    def benchmarks(self) -> list[tuple[str, Path]]:
        """Rule name and benchmark file; those of a rule that runs in shards lie in a folder of its name."""
        folder = self.folder / "benchmarks"
        files = [(path.stem, path) for path in sorted(folder.glob("*.tsv"))]
        return files + [(path.parent.name, path) for path in sorted(folder.glob("*/*.tsv"))]

    def trained(self, room: str) -> Path:
        """A room's trained weights.

        Raises:
            InputError: the run has not come that far.
        """
        path = self.folder / room / "weights.pt"
        if not path.is_file():
            raise InputError(
                f"run {self.folder} has no {room}/weights.pt: it is not finished, but a trained {room} was "
                "expected; run snakemake with the run's configuration again, it goes on where it stopped."
            )
        return path

    def settings(self, stage: str) -> dict[str, Any]:
        """The settings that the workflow wrote for a stage.

        Raises:
            InputError: the file is missing or damaged.
        """
        path = self.folder / "configs" / f"{stage}.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read ({error}), but the stage's settings were expected; run snakemake with "
                "the run's configuration again, which writes it."
            ) from None
        if not isinstance(values, dict):
            raise InputError(f"{path} holds no settings; delete it and run snakemake again, which writes it.")
        return values

    def locate(self, path: Path) -> Path:
        """A path of the index, which is relative to the folder that holds `results/`, from wherever we are."""
        from_root = self.folder.resolve().parent.parent / path
        return from_root if from_root.exists() else path


def open_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        InputError: there is no such folder, or no run in it; the runs beside it are named.
    """
    if (folder / "configs").is_dir():
        return Run(folder)
    beside = sorted(path.parent.name for path in folder.parent.glob("*/configs"))
    hint = f"runs in {folder.parent}: {', '.join(beside)}" if beside else f"{folder.parent} holds no run"
    found = "is no run (it has no configs/)" if folder.exists() else "does not exist"
    raise InputError(f"{folder} {found}; the folder of a run, such as results/demo, was expected ({hint}).")
