"""Numbers and tables as text."""

from collections.abc import Sequence

from weakseg.evaluation.score import DIGITS


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in rows
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def decimals(value: float | None, undefined: str = "–", digits: int = DIGITS) -> str:
    """A number with fixed decimals; `undefined` for `None`."""
    return undefined if value is None else f"{value:.{digits}f}"
