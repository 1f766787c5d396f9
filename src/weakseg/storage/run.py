"""A run on disk: where its files lie, and a sentence for each that is missing."""

import json
import re
from collections.abc import Iterable
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

    @property
    def rounds(self) -> int | None:
        """Rounds of the segmenter that the configuration asks for; `None` while the run's settings are not written."""
        found = self._settings.get("segmenter", {}).get("rounds", 1)
        return int(found) if self._settings else None

    @property
    def round(self) -> int:
        """The segmenter's last round that is trained, of those that the configuration asks for; 1 if none is."""
        trained = (n for n in range(self.rounds or 1, 1, -1) if (self._round(n) / "weights.pt").is_file())
        return next(trained, 1)

    @property
    def last_round(self) -> Path:
        """Folder of that round."""
        return self._round(self.round)

    def _round(self, number: int) -> Path:
        folder = self.folder / "segmenter"
        return folder / f"round-{number}" if number > 1 else folder

    def history(self, room: str) -> Path:
        """Losses of a room's training."""
        return self.folder / room / "history.csv"

    def maps(self, room: str) -> list[Path]:
        """Shards of a room's maps that are made already."""
        return self.shards(f"{room}/maps", "h5")

    def shards(self, folder: str, suffix: str) -> list[Path]:
        """A folder's shards that are made already, in order."""
        return self._asked((self.folder / folder).glob(f"shard-*.{suffix}"))

    def benchmarks(self) -> list[tuple[str, Path]]:
        """Rule name and benchmark file; those of a rule that runs in shards lie in a folder of its name."""
        folder = self.folder / "benchmarks"
        files = [(path.stem, path) for path in self._asked(folder.glob("*.tsv"))]
        return files + [(path.parent.name, path) for path in self._asked(folder.glob("*/*.tsv"))]

    def _asked(self, files: Iterable[Path]) -> list[Path]:
        """The files, sorted, that the run's settings ask for; what was made before they changed stays on disk.

        A shard's name ends with `-of-<shards>`, that of a further round, or of its folder, with `-<round>`.
        """
        shards, rounds = self._settings.get("shards"), self.rounds

        def asked(name: str) -> bool:
            end = re.search(r"-(of-)?(\d+)$", name)
            number = 0 if end is None else int(end[2])
            if end is not None and end[1]:
                return number == (shards or number)
            return number <= (rounds or number)

        return sorted(file for file in files if asked(file.stem) and asked(file.parent.name))

    def trained(self, room: str) -> Path:
        """A room's trained weights.

        Raises:
            InputError: the run has not come that far.
        """
        path = (self.last_round if room == "segmenter" else self.folder / room) / "weights.pt"
        if not path.is_file():
            raise InputError(
                f"run {self.folder} has no {room}/weights.pt: it is not finished, but a trained {room} was "
                "expected; run snakemake with the run's configuration again, it goes on where it stopped."
            )
        return path

    @property
    def _settings(self) -> dict[str, Any]:
        """Those of the whole run; empty while they are not written."""
        return self.settings("run") if (self.folder / "configs" / "run.json").is_file() else {}

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
