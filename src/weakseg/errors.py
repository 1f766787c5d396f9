"""The exception for users' mistakes."""

from pathlib import Path

REMAKE = "delete it and run snakemake again, which makes it again"
"""Remedy for a damaged result file."""


def started_in(path: Path) -> str:
    """What a relative path is relative to, for messages; empty for an absolute one."""
    return "" if path.is_absolute() else f" in {Path.cwd()}, where the command was started"


class InputError(Exception):
    """Wrong input; the message says in one sentence what was found, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
