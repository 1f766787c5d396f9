"""Reuses finished maps, labels and networks of other runs (`from_run`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run.opened import other_runs, read_config
from weakseg.run.table import Table
from weakseg.settings.reading import parse

BEFORE = {"proxy": ("attention", "saliency", "affinity"), "affinity": (), "attention": (), "saliency": ()}
"""Room that can be reused → rooms whose maps it was made from; these are reused from the same run."""


def configured(values: Mapping[str, Any], source: str, root: Path = Path("results")) -> Config:
    """The configuration of a run; reused rooms have the settings of the run that made them.

    Args:
        values: the user's values.
        source: the files of these values, for messages.
        root: the folder that holds the runs' folders.

    Raises:
        InputError: a value is wrong, or a named run does not exist, is not finished or has another number of
            shards.
    """
    config = parse(Config, values, source)
    for room, before in BEFORE.items():
        name = getattr(config, room).from_run
        if name is None:
            continue
        if name == config.run:
            raise InputError(
                f"{room}.from_run is {name}, the run itself; the name of another run was expected."
            )
        other = read_config(root / name)
        if other is None:
            raise InputError(
                f"{room}.from_run is {name}, but {root / name} has no configs/run.json; the name of a finished run was "
                f"expected ({other_runs(root / name)})."
            )
        sections = {room: getattr(other, room)}
        sections |= {each: getattr(other, each) for each in before if getattr(config, each).from_run is None}
        made = {
            each: section.model_copy(update={"from_run": section.from_run or name})
            for each, section in sections.items()
        }
        config = config.model_copy(update=made)
        _refuse_unfinished(config, root, room, name, other.shards)
    return config


def reused_indexes(config: Config, root: Path = Path("results")) -> list[Path]:
    """The indexes of the reused runs; this run's index must be the same."""
    names = {getattr(config, room).from_run for room in BEFORE} - {None}
    return [root / name / "dataset" / "index.csv" for name in sorted(names)]


def _refuse_unfinished(config: Config, root: Path, room: str, name: str, shards: int) -> None:
    if shards != config.shards:
        raise InputError(
            f"{room}.from_run is {name}, whose files lie in {shards} shards, but shards is {config.shards}; the same "
            f"number was expected: set shards to {shards}."
        )
    stages = [stage for stage in Table(config, root).stages if stage.is_reused]
    missing = next((file for stage in stages for file in stage.files if not file.is_file()), None)
    if missing is not None:
        raise InputError(
            f"{room}.from_run is {name}, but {missing} is missing; a finished run was expected: run snakemake with "
            f"that run's configuration first."
        )
