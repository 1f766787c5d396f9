"""The files of a run that other commands read: trained networks, settings and images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.errors import InputError


@dataclass(frozen=True)
class Run:
    """The files below a folder `results/<run>`."""

    folder: Path

    def trained(self, room: str) -> Path:
        """A room's trained weights.

        Raises:
            InputError: it is not trained yet.
        """
        path = self.folder / room / "weights.pt"
        if not path.is_file():
            raise InputError(
                f"run {self.folder} has no {room}/weights.pt: it is not finished, but a trained {room} was "
                "expected; run snakemake with the run's configuration again, which continues it."
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
            raise InputError(f"{path} holds no settings; delete it and run snakemake again.")
        return values

    def locate(self, path: Path) -> Path:
        """Resolve a path of the index, which is relative to the folder that holds `results/`."""
        from_root = self.folder.resolve().parent.parent / path
        return from_root if from_root.exists() else path


def open_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        InputError: the folder is missing or is not a run; the message lists the runs next to it.
    """
    if (folder / "configs").is_dir():
        return Run(folder)
    names = sorted(path.parent.name for path in folder.parent.glob("*/configs"))
    hint = f"runs in {folder.parent}: {', '.join(names)}" if names else f"{folder.parent} holds no run"
    found = "is not a run (it has no configs/)" if folder.exists() else "does not exist"
    raise InputError(f"{folder} {found}; the folder of a run, such as results/demo, was expected ({hint}).")
