"""What a run ends with, by content, and what a disturbance of it cost."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from faulty.demo import EVERY, TRAININGS
from weakseg.storage.labels import read_labels

SCORES = ("attention", "localisation", "fused", "refined", "segmenter", "segmenter-crf")


def digests(folder: Path) -> dict[str, str]:
    """File of a run → digest of what it holds: weights, maps, label maps and scores, each bit for bit.

    Times, paths and what the formats add are left out.
    """
    found = {}
    for pattern, read in READERS.items():
        for path in sorted(folder.glob(pattern)):
            digest = hashlib.sha256()
            for part in read(path):
                digest.update(part)
            found[path.relative_to(folder).as_posix()] = digest.hexdigest()
    return found


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """Names that one lacks, or that differ."""
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _weights(path: Path) -> Iterator[bytes]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state"]
    for name, value in sorted(state.items()):
        yield f"{name} {value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""


def _maps(path: Path) -> Iterator[bytes]:
    with h5py.File(path, "r") as file:
        for image in file:
            for name in file[image]:
                values = np.asarray(file[image][name])
                yield f"{image} {name} {values.dtype} {values.shape}".encode()
                yield values.tobytes()


def _labels(path: Path) -> Iterator[bytes]:
    labels = read_labels(path)
    yield str(labels.shape).encode()
    yield labels.tobytes()


def _scores(path: Path) -> Iterator[bytes]:
    yield json.dumps(json.loads(path.read_text(encoding="utf-8")), sort_keys=True).encode()


READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    "*/weights.pt": _weights,
    "segmenter/*/weights.pt": _weights,
    "*/maps/shard-*.h5": _maps,
    "segmenter/*/scores/shard-*.h5": _maps,
    "proxy/*/*.png": _labels,
    "segmenter/*/predictions/*/*.png": _labels,
} | {f"evaluation/{name}.json": _scores for name in SCORES}


@dataclass(frozen=True)
class Progress:
    """How far a run had come at a moment.

    Attributes:
        iterations: of each training that its history shows.
        finished: artefacts that were there → time of their last change, nanoseconds.
    """

    iterations: dict[str, int]
    finished: dict[Path, int]


def progress(folder: Path) -> Progress:
    """Look at a run."""
    histories = {room: folder / room / "state" / "history.csv" for room in TRAININGS}
    iterations = {room: _iterations(path) for room, path in histories.items() if path.is_file()}
    patterns = ("*/weights.pt", "*/maps/shard-*.h5", "proxy/*/shard-*.csv", "segmenter/*/*/shard-*.h5")
    files = [
        path
        for pattern in (*patterns, "segmenter/*/predictions/*/shard-*.csv")
        for path in folder.glob(pattern)
    ]
    return Progress(iterations, {path: path.stat().st_mtime_ns for path in files})


def _iterations(history: Path) -> int:
    rows = history.read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    first = rows[-1].partition(",")[0] if rows else "0"
    return int(first) if first.isdigit() else 0


@dataclass(frozen=True)
class Cost:
    """What was done twice: iterations of one training, and artefacts that were finished already."""

    iterations: int
    artefacts: tuple[str, ...]

    def is_within_promise(self, at_once: int) -> bool:
        """No more than an interval between checkpoints, and the shards that were being made when it was struck."""
        return self.iterations <= EVERY and len(self.artefacts) <= at_once


def cost(before: Progress, folder: Path, said: str) -> Cost:
    """What a run repeated after it had come as far as `before`; `said` is what it printed since.

    The history has a row every ten iterations, so that up to nine more may have been lost than are counted.
    """
    lost = [
        done - started
        for room, done in before.iterations.items()
        if (started := _restarted(room, said)) is not None
    ]
    repeated = [
        path.relative_to(folder).as_posix()
        for path, changed in before.finished.items()
        if not path.is_file() or path.stat().st_mtime_ns != changed
    ]
    return Cost(max([0, *lost]), tuple(sorted(repeated)))


def _restarted(room: str, said: str) -> int | None:
    """The iteration from which a training went on; `None` if it did not get to one."""
    resumed = re.search(rf"resuming \S+/{room}/state at iteration (\d+) of", said)
    if resumed is not None:
        return int(resumed[1])
    return 0 if re.search(rf"^{room} \d+/\d+: ", said, re.MULTILINE) else None
