"""Opens a run's folder: its configuration and its table."""

import json
from pathlib import Path
from typing import Any

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run.table import Table
from weakseg.settings.reading import parse

CONFIG = Path("configs", "run.json")


def read_config(folder: Path) -> Config | None:
    """The configuration with which a run was last started; `None` if there is none.

    Raises:
        InputError: the file is damaged, or another version of weakseg wrote it.
    """
    values = _values(folder)
    return None if values is None else parse(Config, values, str(folder / CONFIG))


def run_of(folder: Path) -> str | None:
    """Name of the run that made a folder, for any version of weakseg; `None` if unknown.

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
        raise InputError(f"{path} cannot be read ({error}); delete it and run snakemake again.") from None
    return values


def open_table(folder: Path) -> Table:
    """The table of the run in a folder such as `results/demo`.

    The run takes the name of the folder, so that a renamed folder can still be read.

    Raises:
        InputError: it is not a run; the message lists the runs next to it.
    """
    config = read_config(folder)
    if config is not None:
        place = folder.resolve()
        root = folder.parent if folder.name == place.name else place.parent
        return Table(config.model_copy(update={"run": place.name}), root)
    reason = "is not a run (it has no configs/run.json)" if folder.exists() else "does not exist"
    raise InputError(
        f"{folder} {reason}; the folder of a run, such as results/demo, was expected ({other_runs(folder)})."
    )


def other_runs(folder: Path) -> str:
    """`runs in results: a, b`: the runs next to a folder, for messages."""
    names = sorted(path.parent.parent.name for path in folder.parent.glob("*/configs/run.json"))
    return f"runs in {folder.parent}: {', '.join(names)}" if names else f"{folder.parent} holds no run"
