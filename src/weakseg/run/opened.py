"""A run's folder, opened: its configuration and its table."""

import json
from pathlib import Path
from typing import Any

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run.table import Table
from weakseg.settings.reading import parse

CONFIG = Path("configs", "run.json")


def read_config(folder: Path) -> Config | None:
    """The configuration that a run was last started with; `None` before there is one.

    Raises:
        InputError: the file is damaged, or another version of weakseg wrote it.
    """
    values = _values(folder)
    return None if values is None else parse(Config, values, str(folder / CONFIG))


def run_of(folder: Path) -> str | None:
    """Name of the run that made a folder, whatever version of weakseg it was made by; `None` if it does not say.

    Raises:
        InputError: the file is damaged.
    """
    return (_values(folder) or {}).get("run")


def _values(folder: Path) -> dict[str, Any] | None:
    path = folder / CONFIG
    if not path.is_file():
        return None
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); delete it and run snakemake again, which writes it."
        ) from None
    return values


def open_table(folder: Path) -> Table:
    """The table of the run in a folder such as `results/demo`.

    The folder's own name counts, so that a folder that was renamed can still be looked at.

    Raises:
        InputError: there is no run in it; the runs beside it are named.
    """
    config = read_config(folder)
    if config is not None:
        place = folder.resolve()
        return Table(config.model_copy(update={"run": place.name}), _root(folder, place))
    beside = sorted(path.parent.parent.name for path in folder.parent.glob("*/configs/run.json"))
    hint = f"runs in {folder.parent}: {', '.join(beside)}" if beside else f"{folder.parent} holds no run"
    found = "is not a run (it has no configs/run.json)" if folder.exists() else "does not exist"
    raise InputError(f"{folder} {found}; the folder of a run, such as results/demo, was expected ({hint}).")


def _root(folder: Path, place: Path) -> Path:
    """The folder of all runs, as a user writes it where that is possible."""
    return folder.parent if folder.name == place.name else place.parent
