"""The state of an unfinished training: one file, written beside and renamed, that knows whose it is."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch

from weakseg.storage.atomic import atomic_file

CHECKPOINT = "checkpoint.pt"


def fingerprint(**parts: Any) -> str:
    """SHA-256 of everything that determines a training: settings, index, initial weights, revision.

    A checkpoint with another fingerprint is never resumed.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def save_checkpoint(folder: Path, mark: str, state: dict[str, Any]) -> None:
    """Write the state atomically."""
    with atomic_file(folder / CHECKPOINT) as file:
        torch.save({"fingerprint": mark, **state}, file)


def load_checkpoint(folder: Path, mark: str) -> dict[str, Any] | None:
    """The saved state if there is one of this very training; anything else is set aside with a log line."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state.pop("fingerprint")
    except Exception as error:  # a damaged file may raise anything
        print(f"discarding {path}: it cannot be read ({type(error).__name__})", file=sys.stderr)
        return None
    if found != mark:
        print(f"discarding {path}: it belongs to other settings or data", file=sys.stderr)
        return None
    return state
