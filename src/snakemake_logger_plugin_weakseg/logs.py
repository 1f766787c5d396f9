"""What jobs wrote into their logs: sentences for users, and why a job failed."""

import re
from pathlib import Path

OURS = "weakseg: "
"""Begins each line of a log that users are to see."""
USAGE = "Error: "
LAST = 15
"""Lines of a log that are shown at most."""
LONGEST = 200_000
"""Bytes at the end of a log that are read."""
SAVED = re.compile(r"holds iteration (\d+) of (\d+)")
"""What a training that was stopped writes last."""


def read_lines(log: Path | None) -> list[str]:
    """The lines of a log, of a long one the last; none if it cannot be read."""
    if log is None:
        return []
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LONGEST))
            return file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return []


def notes(log: Path | None, is_whole: bool = False) -> list[str]:
    """The sentences for users in the log of a finished job, each once, without their beginning.

    Args:
        log: of the job.
        is_whole: whether every line is for users.
    """
    found = [line.removeprefix(OURS) for line in read_lines(log) if is_whole or line.startswith(OURS)]
    return list(dict.fromkeys(found))[:LAST]


def why(log: Path | None) -> tuple[list[str], str | None]:
    """Why a job failed.

    Returns:
        Lines to show first, and the sentence, which may have further lines; `None` if the log ends without one.
    """
    lines = [line for line in read_lines(log) if line.strip()]
    begin = next((at for at in reversed(range(len(lines))) if not lines[at].startswith(" ")), 0)
    if lines and lines[begin].startswith(OURS):
        return [], "\n".join(lines[begin:])
    if lines and lines[begin].startswith(USAGE):
        return [], OURS + " ".join(lines[begin:]).removeprefix(USAGE)
    return lines[-LAST:], None


def saved(log: Path | None) -> tuple[int, int] | None:
    """Iteration and number of iterations that a stopped training saved; `None` if it does not say."""
    found = [SAVED.search(line) for line in read_lines(log)]
    last = next((match for match in reversed(found) if match), None)
    return None if last is None else (int(last[1]), int(last[2]))
