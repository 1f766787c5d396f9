"""The text of a bug report: versions, machine, configuration, health and the ends of failed logs, without folders."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from weakseg.errors import InputError
from weakseg.report.machine import cores, gpus, processor, versions
from weakseg.run.health import run_health
from weakseg.run.opened import open_table
from weakseg.run.table import Table

LINES = 15
"""Lines of a log that are shown."""
LOGS = 5
"""Logs that are shown, the newest first."""
FAILED = re.compile(r"^(weakseg: |Traceback |Error|.*Error:|.*Killed)", re.MULTILINE)
"""What stands in the log of a job that failed."""
PART = r"[\\/][^\\/\s:'\",;()\[\]{}]+"
FOLDERS = re.compile(rf"(?<![\w.…])(?:~|\.{{1,2}}|[A-Za-z]:)?(?:{PART})+[\\/]?")
"""A path that begins at a root, a home or a folder above."""
HEAD = "<!-- Read this before you send it: ids of images and names of classes are not hidden. -->"


def bug_report(folder: Path | None) -> str:
    """The text, in Markdown.

    Args:
        folder: of a run; without it only versions and machine are told.

    Raises:
        InputError: the folder is not a run.
    """
    parts = [HEAD, "## What happened\n\n(what you did, what you expected, what you saw)", _system()]
    if folder is not None:
        table = open_table(folder)
        parts += [*_of_run(table)]
    return "\n\n".join(parts) + "\n"


def without_folders(text: str, known: tuple[str, ...] = ()) -> str:
    """Replace the folders of every path: of `/home/anna/data/a.png` `…/a.png` stays.

    Args:
        text: any text.
        known: paths of the configuration, relative ones too.
    """
    for path in sorted(known, key=len, reverse=True):  # these may hold spaces, and need not begin at a root
        below = re.compile(re.escape(path.rstrip("/")) + f"(?:{PART})*")
        text = below.sub(lambda found: f"…/{_last(found[0])}", text)
    return FOLDERS.sub(lambda found: f"…/{_last(found[0])}", text)


def _last(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def _system() -> str:
    """Versions and machine."""
    import platform

    try:
        found = ", ".join(gpus()) or "none"
    except (ImportError, OSError) as error:  # a broken torch is what one may want to report
        found = f"torch cannot be loaded ({type(error).__name__}: {without_folders(str(error))})"
    lines = [f"{name} {text}" for name, text in versions().items()]
    lines += [f"system {platform.platform()}", f"processor {processor()}, {cores()} cores", f"GPU {found}"]
    return "## Versions\n\n" + _block("\n".join(lines))


def _of_run(table: Table) -> Iterator[str]:
    values = table.config.model_dump(mode="json")
    known = tuple(dict.fromkeys(_paths(values)))
    shown = yaml.safe_dump(json.loads(json.dumps(values)), sort_keys=False, allow_unicode=True)
    yield "## Configuration\n\n" + _block(without_folders(shown, known), "yaml")
    yield "## Stages\n\n" + _block("\n".join(_stages(table)))
    yield "## Health\n\n" + _block(without_folders("\n".join(_health(table)), known))
    logs = [*_failed(table.folder / "logs")]
    ends = [f"{_last(path.as_posix())}:\n{_block(without_folders(text, known))}" for path, text in logs]
    yield "## Logs\n\n" + ("\n\n".join(ends) or "no log of this run tells of a failure")


def _paths(values: object) -> Iterator[str]:
    """Every text of the configuration that is a path."""
    if isinstance(values, dict):
        for value in values.values():
            yield from _paths(value)
    elif isinstance(values, list):
        for value in values:
            yield from _paths(value)
    elif isinstance(values, str) and "/" in values.strip("/"):
        yield values


def _stages(table: Table) -> Iterator[str]:
    for stage in table.of("all"):
        made = sum(path.is_file() for path in stage.files)
        yield f"{stage.name}: {made} of {len(stage.files)} files"


def _health(table: Table) -> Iterator[str]:
    try:
        health = run_health(table)
    except InputError as error:
        yield str(error)
        return
    for stage in health:
        yield f"{stage.stage}: {stage.line}"
        yield from (f"  {warning.signal}: {warning.found}" for warning in stage.warnings)
    if not health:
        yield "not checked yet"


def _failed(folder: Path) -> Iterator[tuple[Path, str]]:
    """The newest logs that tell of a failure, and their last lines."""
    logs = sorted(folder.rglob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    shown = 0
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        if FAILED.search(text) and shown < LOGS:
            shown += 1
            yield path, "\n".join([line for line in text.splitlines() if line.strip()][-LINES:])


def _block(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text.rstrip()}\n```"
