"""The screen of `weakseg check`."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from weakseg.config import Config
from weakseg.config.layers import layered, names, read_values
from weakseg.dataset.faults import MOST_SHOWN
from weakseg.dataset.indexing import CheckedData
from weakseg.dataset.records import SPLITS
from weakseg.installed import workflow
from weakseg.run.check.data import facts, planned
from weakseg.run.check.needs import needs
from weakseg.run.check.refusals import refusals
from weakseg.run.check.words import duration, fact, remarks
from weakseg.run.init.place import is_checkout, is_prepared
from weakseg.run.reuse import configured
from weakseg.run.table import Table

Size = tuple[int, int]


def report(files: Sequence[Path], settings: Sequence[str], *, measured: bool) -> tuple[list[str], bool]:
    """The lines of a check, and whether the run would refuse to start.

    Args:
        files: the user's files of the configuration; without one, what a plain `snakemake` runs.
        settings: `key=value`, laid over them.
        measured: whether the time is estimated.

    Raises:
        InputError: the configuration is wrong.
    """
    shipped, files = workflow() / "config.yaml", files or _of_profile()
    config = configured(layered(files, settings, shipped), names(files, shipped))
    table = Table(config)
    refused, data = refusals(table)
    refused = [*_no_workflow(), *refused]
    command = " ".join(["check", *map(str, files)])
    if refused:
        return [*remarks("✗", refused[:MOST_SHOWN]), f"Correct this, then: weakseg {command}"], True
    found = planned(config) if data is None else facts(data)
    images, largest, middle = _numbers(config) if data is None else _counted(data)
    needed = needs(table, images, *largest)
    lines = fact("run", f"{config.run}, results in {table.folder}")
    for name, text in [*found.lines, *needed.lines]:
        lines += fact(name, text)
    if measured:
        lines += fact("time", _time(table, images, middle))
    return [*lines, *remarks("!", [*found.warnings, *needed.warnings]), _start(files, settings)], False


def _of_profile() -> list[Path]:
    """The configuration of a plain `snakemake`, which the profile of a folder made by `weakseg init` names."""
    profile = Path("profiles", "default", "profile.yaml")
    found = read_values(profile).get("configfile", []) if profile.is_file() else []
    return [Path(name) for name in ([found] if isinstance(found, str) else found)]


def _no_workflow() -> list[str]:
    """What to do in a folder where `snakemake` finds no workflow."""
    if is_checkout(Path()) or is_prepared(Path()):
        return []
    return [
        f"{Path.cwd()} has no workflow; a checkout of weakseg, or a folder that weakseg init made, was expected: go "
        "there, or run weakseg init here."
    ]


def _counted(data: CheckedData) -> tuple[dict[str, int], Size, Size]:
    """Images of each split, and height and width of the largest and of the middle one."""
    sizes = sorted((item.size for item in data.index.pictures.values()), key=lambda size: size[0] * size[1])
    return {split: len(data.index.split(split)) for split in SPLITS}, sizes[-1], sizes[len(sizes) // 2]


def _numbers(config: Config) -> tuple[dict[str, int], Size, Size]:
    """The same before the images are generated or fetched."""
    ahead = config.dataset.own.ahead()
    return ahead.images, ahead.largest, ahead.middle


def _time(table: Table, images: dict[str, int], size: Size) -> str:
    """The estimate, or why there is none."""
    from weakseg.run.check.timing import described, lacks_saliency, stages

    print("weakseg: measuring the time of each stage", file=sys.stderr, flush=True)
    found = stages(table, images, size, os.cpu_count() or 1)
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in found.items())
    each += "; saliency maps not counted, since their weights are not fetched" * lacks_saliency(table)
    return f"about {duration(sum(found.values()))} on {described()}: {each}"


def _start(files: Sequence[Path], settings: Sequence[str]) -> str:
    words = ["snakemake", "--cores", "all"]
    words += ["--configfile", *map(str, files)] if files else []
    words += ["--config", *settings] if settings else []
    return f"Start it: {shlex.join(words)}"
