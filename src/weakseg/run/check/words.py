"""Sizes, durations and lines as people read them."""

import shutil
import textwrap
from collections.abc import Iterable

WIDTH = 100
_NAME = 11  # columns of a fact's name


def size(count: float) -> str:
    """`4.6 MB`, `1.2 GB`; 1 MB is 10⁶ bytes."""
    if count < 1e6:
        return "less than 1 MB"
    number, unit = (count / 1e9, "GB") if count >= 1e9 else (count / 1e6, "MB")
    return f"{number:,.{0 if number >= 10 else 1}f} {unit}"


def duration(seconds: float) -> str:
    """`40 s`, `about 5 min`, `about 2 h 10 min`, `about 3 days`: two figures, as an estimate has no more."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(round(minutes, -1), 60)
    if hours < 48:
        return f"{hours} h" + (f" {rest} min" if rest and hours < 10 else "")
    return f"{round(hours / 24)} days"


def fact(name: str, text: str) -> list[str]:
    """A line `name  text`, broken at the width of the screen."""
    return _wrapped(f"{name:{_NAME}}", " " * _NAME, text)


def remarks(sign: str, sentences: Iterable[str]) -> list[str]:
    """Sentences, each after a sign; lines that follow in a sentence keep their indent."""
    lines = []
    for sentence in sentences:
        first, *rest = sentence.splitlines()
        lines += _wrapped(f"{sign} ", "  ", first)
        for line in rest:
            lines += _wrapped("    ", "    ", line.strip())
    return lines


def _wrapped(first: str, following: str, text: str) -> list[str]:
    width = min(WIDTH, max(40, shutil.get_terminal_size((WIDTH, 24)).columns))
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
