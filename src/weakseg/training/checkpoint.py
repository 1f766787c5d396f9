"""The state of an unfinished training: one file that appears whole and holds its fingerprint.

The one before it is kept: where the last is damaged, the training goes on from there. The state of another training
is set aside under its fingerprint until a training in this folder is finished: who takes a changed value back goes on
with it.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from weakseg.errors import InputError
from weakseg.storage.atomic import atomic_file
from weakseg.storage.seal import flaw, seal
from weakseg.training.fabric import Precision
from weakseg.training.history import Row

CHECKPOINT = "checkpoint.pt"
BEFORE = "checkpoint-before.pt"
MARK_LENGTH = 12
"""Digits of a fingerprint in a file's name."""


class Checkpoints:
    """Saves and resumes one training.

    Args:
        folder: of the training's state.
        mark: fingerprint of everything that determines the training.
        network, solver, precision: whose state is saved; the precision's is the loss scale of fp16. They must be
            where they train, on their device and in their type: what is saved is brought there.
        enabled: whether this process writes; of several one does.

    Attributes:
        last: iteration of the last good state, 0 before there is one.
    """

    def __init__(
        self,
        folder: Path,
        mark: str,
        network: nn.Module,
        solver: torch.optim.Optimizer,
        precision: Precision,
        enabled: bool = True,
    ) -> None:
        self._folder, self._mark, self._enabled = folder, mark, enabled
        self._network, self._solver, self._precision = network, solver, precision
        self.last = 0

    def resume(self) -> tuple[int, list[Row]]:
        """Take up the last good state, if there is one; the iteration to go on from, and the history until it."""
        saved = load_checkpoint(self._folder, self._mark)
        if saved is None:
            return 0, []
        self._network.load_state_dict(saved["network"])
        self._solver.load_state_dict(saved["optimizer"])
        self._precision.load_state_dict(saved["precision"])
        self.last = saved["iteration"]
        return self.last, saved["history"]

    def save(self, iteration: int, history: list[Row]) -> None:
        """Save the state after so many iterations, and the rows of their history.

        Raises:
            InputError: a number in it is not finite, or the disk is full; the states before are kept.
        """
        if self._enabled:
            self._write(iteration, history)
        self.last = iteration

    def _write(self, iteration: int, history: list[Row]) -> None:
        state = {
            "network": self._network.state_dict(),
            "optimizer": self._solver.state_dict(),
            "precision": self._precision.state_dict(),
        }
        if not all(bool(torch.isfinite(value).all()) for value in _tensors(state)):
            raise InputError(
                f"after iteration {iteration} the training's state holds numbers that are not finite; only finite ones "
                f"are saved: lower learning_rate or set precision to fp32 ({self.describe()})."
            )
        save_checkpoint(self._folder, self._mark, {"iteration": iteration, "history": history, **state})

    def describe(self) -> str:
        """Which state a training would go on from, in words."""
        return (
            f"the last good state is of iteration {self.last}, in {self._folder}"
            if self.last
            else "none was saved"
        )


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of floats in nested dictionaries and lists."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


def fingerprint(**parts: Any) -> str:
    """SHA-256 of everything that determines a training: settings, index, initial weights, revision.

    A checkpoint with another fingerprint is never resumed.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def save_checkpoint(folder: Path, mark: str, state: dict[str, Any]) -> None:
    """Write the state atomically; the last one becomes the one before."""
    path = folder / CHECKPOINT
    with atomic_file(path) as file:
        torch.save({"fingerprint": mark, **state}, file)
        seal(file)
        file.raise_failure()  # on a full disk the last one stays the last
        if path.is_file():
            path.replace(folder / BEFORE)


def load_checkpoint(folder: Path, mark: str) -> dict[str, Any] | None:
    """The last saved state of this very training, or the one before it; what is not used is named in a log line."""
    found = (_read(folder / name, mark) for name in (CHECKPOINT, BEFORE))
    return next((state for state in found if state is not None), None)


def set_aside(folder: Path, mark: str) -> None:
    """Give the last state, where it is of another training, its own name, and take up this training's where it has one.

    Nobody else may be saving.
    """
    path = folder / CHECKPOINT
    other = _mark_of(path)
    if other is not None and other != mark:
        aside = path.replace(folder / _aside(other))
        (folder / BEFORE).unlink(missing_ok=True)
        print(
            f"{path} is of other settings or data; it stays as {aside} until this training is finished",
            file=sys.stderr,
        )
    own = folder / _aside(mark)
    if own.is_file() and not path.is_file():
        own.replace(path)


def clear_aside(folder: Path) -> None:
    """Remove the states of other trainings, once one is finished."""
    for path in folder.glob("checkpoint-of-*.pt"):
        path.unlink(missing_ok=True)


def _aside(mark: str) -> str:
    return f"checkpoint-of-{mark[:MARK_LENGTH]}.pt"


def _mark_of(path: Path) -> str | None:
    """The fingerprint of a good state; `None` without one."""
    if not path.is_file():
        return None
    try:
        if flaw(path) is None:
            saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return str(saved["fingerprint"])
    except Exception:  # not a state; who reads it says so
        return None
    return None


def clear_remains(folder: Path) -> None:
    """Remove what trainings that were killed while they saved have left; nobody else may be saving."""
    for path in folder.glob(f".{CHECKPOINT}.*.tmp"):
        path.unlink(missing_ok=True)


def _read(path: Path, mark: str) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        reason = flaw(path)
        if reason is None:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            if state.pop("fingerprint", None) == mark:
                return state
            reason = "belongs to other settings or data"
    except Exception as error:  # torch raises many types for what another version wrote
        reason = f"cannot be read ({type(error).__name__})"
    print(f"discarding {path}: it {reason}", file=sys.stderr)
    return None
