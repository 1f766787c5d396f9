"""Where lines go: a terminal with bars, or a log."""

import os
import textwrap
import time
from collections.abc import Sequence
from typing import Protocol, TextIO

from tqdm import tqdm

from snakemake_logger_plugin_weakseg.lines import Line, running_text

WIDTH = 25
"""Columns of a line's title."""
SILENT = 60.0
"""In a log: seconds for which a stage may work without a mention while nothing is done."""
SHORTEST, LONGEST = 3, 16
"""Columns of a bar, where the terminal is narrow and where it is wide."""
FIRST, EVERY, STEP = 10.0, 30.0, 0.1
"""In a log: seconds until a stage is mentioned, and until it is mentioned again if it got further by this share."""


class Screen(Protocol):
    """Shows lines."""

    def say(self, text: str) -> None:
        """Print for good."""
        ...

    def show(self, lines: Sequence[Line]) -> None:
        """Show the lines at work."""
        ...

    def close(self) -> None:
        """Leave nothing but what was printed."""
        ...


def columns(title: str, text: str) -> str:
    """A title and what is told about it."""
    return f"{title:<{WIDTH}}{text}"


def _wrapped(line: str, width: int) -> list[str]:
    """A line in parts of at most `width` columns, cut between words; commands stay whole."""
    if len(line) <= width or line.startswith("  weakseg "):
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


class Log:
    """Plain lines, few of them: for files and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._mentioned: dict[str, tuple[float, float]] = {}

    def say(self, text: str) -> None:
        """Print for good."""
        print(text, file=self._stream, flush=True)

    def show(self, lines: Sequence[Line]) -> None:
        """Mention a stage that works for some time, and again when it got further."""
        now = time.time()
        for line in lines:
            if not line.is_step:
                continue
            progress = line.progress()
            if (progress is None or not progress.done) and now - line.started < SILENT:
                continue  # most start within this time, and then there is more to say
            share = progress.done / progress.total if progress is not None and progress.total else 0.0
            last, before = self._mentioned.get(line.title, (line.started + FIRST - EVERY, -STEP))
            if now - last >= EVERY and share - before >= STEP and share < 1:
                self._mentioned[line.title] = now, share
                self.say(columns(line.title, running_text(line)))

    def close(self) -> None:
        """Nothing is left to do."""


class Terminal:
    """A bar for each line at work, below what was printed.

    The cursor stays below the bars. So what a shell or a user types there (`^C`) is removed with them.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._block: list[str] = []
        self._is_ascii = not (stream.encoding or "").lower().startswith("utf")

    def say(self, text: str) -> None:
        """Print above the bars."""
        lines = [part for line in text.split("\n") for part in _wrapped(line, self._width() - 1)]
        self._redraw("".join(f"{line}\n" for line in lines), self._block)

    def show(self, lines: Sequence[Line]) -> None:
        """Draw the bars again."""
        width = self._width() - 1
        block = [self._bar(line, width)[:width] for line in lines]  # one that wraps could not be removed
        if block != self._block:
            self._redraw("", block)

    def close(self) -> None:
        """Remove the bars."""
        self.show([])

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def _redraw(self, text: str, block: list[str]) -> None:
        up = f"\r\x1b[{len(self._block)}A" if self._block else "\r"
        self._block = block
        self._stream.write(f"{up}\x1b[J{text}" + "".join(f"{line}\n" for line in block))
        self._stream.flush()

    def _bar(self, line: Line, width: int) -> str:
        progress = line.progress()
        if progress is None or not progress.total:
            return columns(line.title, running_text(line))
        done, total = min(progress.done, progress.total), progress.total
        text = running_text(line)
        length = min(max(width - len(columns(line.title, f" {text}")), SHORTEST), LONGEST)
        bar = tqdm.format_meter(done, total, 0, length, ascii=self._is_ascii, bar_format="{bar}")
        return columns(line.title, f"{bar} {text}")
