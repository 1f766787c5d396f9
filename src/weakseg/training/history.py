"""Training history: a CSV that survives a kill, plain log lines, and TensorBoard where installed."""

import csv
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_path
from weakseg.storage.progress import reporting

HISTORY = "history.csv"
Row = dict[str, str]
"""Column → what is written."""
Measured = dict[str, float | int | None]
"""Column → value; `None` where it was not measured."""


class History:
    """Appends rows to `folder/history.csv`, after those that the checkpoint holds; what a kill left there goes away.

    Of several processes one is `enabled`; the others write nothing.

    Attributes:
        rows: all until now.
    """

    def __init__(self, folder: Path, rows: Sequence[Row] = (), enabled: bool = True) -> None:
        self._enabled = enabled
        self.rows = list(rows)
        if not enabled:
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / HISTORY
        with atomic_path(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([list(self.rows[0]), *(row.values() for row in self.rows)] if self.rows else [])
        self._file = self.path.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._board = _tensorboard(folder)

    def add(self, row: Mapping[str, float | int | None]) -> None:
        """Write one row; the first decides the columns."""
        if not self._enabled:
            return
        columns = list(self.rows[0] if self.rows else row)
        if not self.rows:
            self._writer.writerow(columns)
        self.rows.append({name: _text(row.get(name)) for name in columns})
        self._writer.writerow(self.rows[-1].values())
        self._file.flush()
        if self._board is not None:
            for name, value in row.items():
                if value is not None:
                    self._board.add_scalar(name, value, row["iteration"])

    def close(self) -> None:
        """Close the files."""
        if not self._enabled:
            return
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_history(path: Path) -> list[Row]:
    """Rows of a history file, without one that a kill cut off; none if it does not exist.

    Raises:
        InputError: the file is damaged, or lacks the columns `iteration` and `loss`.
    """
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if {"iteration", "loss"} <= {*(reader.fieldnames or ["iteration", "loss"])}:
                return [row for row in reader if None not in row.values()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and run snakemake again.") from None
    raise InputError(
        f"{path} lacks the columns iteration and loss; the history of a training was expected: delete it and run "
        "snakemake again."
    )


def _text(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(log_dir=str(folder / "tensorboard"))


class Progress:
    """A bar on a terminal, plain lines in a log, and the progress file that others read.

    Args:
        name: of the training.
        start: iterations that an earlier start finished.
        total: all iterations.
        enabled: of several processes one shows the progress.
        output: the stage's first output, beside which the progress file lies; `None` for no file.
    """

    def __init__(
        self, name: str, start: int, total: int, enabled: bool = True, output: Path | None = None
    ) -> None:
        from tqdm import tqdm

        self._name, self._total, self._enabled = name, total, enabled
        self._ends = ExitStack()
        is_terminal = enabled and sys.stderr.isatty()
        self._bar = tqdm(total=total, initial=start, desc=name) if is_terminal else None
        self._file = None
        if enabled and output is not None:
            self._file = self._ends.enter_context(reporting(output, total, "iteration", start))

    def advance(self) -> None:
        """One iteration is done."""
        if self._bar is not None:
            self._bar.update()
        if self._file is not None:
            self._file.advance()

    def report(self, row: Mapping[str, float | int | None]) -> None:
        """Show a row of the history."""
        shown = {name: value for name, value in row.items() if name != "iteration" and value is not None}
        text = ", ".join(f"{name} {_text(value)}" for name, value in shown.items())
        if self._file is not None:
            self._file.advance(0, f"loss {row['loss']:.3g}")
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        elif self._enabled:
            with suppress(OSError):  # a log that nobody reads any more does not stop a training
                print(f"{self._name} {row['iteration']}/{self._total}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line and remove the file."""
        self._ends.close()
        if self._bar is not None:
            self._bar.close()
