"""Where lines go: a terminal with bars, or a log."""

import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol, TextIO

from snakemake_logger_plugin_weakseg.lines import Line, running_text

WIDTH = 25
"""Columns of a line's title."""
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
            share = progress.done / progress.total if progress is not None and progress.total else 0.0
            last, before = self._mentioned.get(line.title, (line.started + FIRST - EVERY, -STEP))
            if now - last >= EVERY and share - before >= STEP and share < 1:
                self._mentioned[line.title] = now, share
                self.say(columns(line.title, running_text(line)))

    def close(self) -> None:
        """Nothing is left to do."""


class Terminal:
    """A bar for each line at work, below what was printed."""

    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # our thread draws
        tqdm.set_lock(threading.RLock())

        class Bar(tqdm):  # type: ignore[type-arg]
            text = ""

            @property
            def format_dict(self) -> dict[str, Any]:
                return {**super().format_dict, "text": self.text}

        self._stream, self._bar = stream, Bar
        self._bars: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """Print above the bars."""
        self._bar.write(text, file=self._stream)
        self._stream.flush()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw the bars anew."""
        titles = [line.title for line in lines]
        for title in [title for title in self._bars if title not in titles]:
            self._bars.pop(title).close()
        for line in lines:
            self._draw(line)

    def _draw(self, line: Line) -> None:
        progress = line.progress()
        bar = self._bars.get(line.title)
        if bar is None:
            bar = self._bars[line.title] = self._bar(
                total=1,
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
                desc=line.title,
                mininterval=0,
                delay=0,
            )
        bar.text = running_text(line)
        bar.total, bar.n = (progress.total, progress.done) if progress is not None else (1, 0)
        shown = "{bar:16} " if progress is not None else ""
        bar.bar_format = f"{line.title:<{WIDTH}}{shown}{{text}}"
        bar.refresh()

    def close(self) -> None:
        """Remove the bars."""
        self.show([])
