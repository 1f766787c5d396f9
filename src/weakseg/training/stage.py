"""What every training command does around the loop."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

from weakseg.storage.atomic import write_text
from weakseg.storage.weights import Weights, file_sha256, save_weights
from weakseg.training.allocator import keep_memory
from weakseg.training.checkpoint import fingerprint
from weakseg.training.history import HISTORY
from weakseg.training.launch import launch
from weakseg.training.loop import Measure, fit
from weakseg.training.revisions import REVISIONS
from weakseg.training.sampling import Samples
from weakseg.training.settings import TrainingConfig


class Trained(Protocol):
    """A `Section` of a room that trains."""

    beside: ClassVar[frozenset[str]]

    @property
    def training(self) -> TrainingConfig:
        """How it trains."""
        ...

    def values(self, leave_out: Collection[str] = ()) -> dict[str, Any]:
        """Plain values of what is read."""
        ...

    def identity(self) -> dict[str, Any]:
        """Those that determine the result."""
        ...


def train_stage(
    room: str,
    section: Trained,
    build: Callable[[], nn.Module],
    samples: Callable[[Any], Samples],
    *,
    inputs: Sequence[Path | str],
    classes: list[str],
    initial: dict[str, str],
    state: Path,
    out: Path,
    extra: Mapping[str, Any] | None = None,
    measure: Callable[[Any], Measure | None] | None = None,
) -> None:
    """Build a network, train or resume it, and write its weights and history.

    A training that was interrupted is resumed where its room's revision, the section's `identity`, the inputs, the
    classes and the initial weights are the same.

    Args:
        room: name written into the weights.
        section: the room's settings; written into the weights without what is `beside` them.
        build: makes the untrained network; called with torch seeded.
        samples: makes the training samples for that network (its fill colour pads the crops).
        inputs: files whose content determines the result, or digests of such content.
        classes: class names written into the weights.
        initial: provenance of the initial weights.
        state: folder of the training state.
        out: the weights file; `history.csv` is written into its folder.
        extra: facts that are not settings, written into the weights with them.
        measure: makes what is measured at each checkpoint, for that network.
    """
    keep_memory()
    training = section.training
    fabric = launch(training)
    torch.manual_seed(training.seed)
    network = build()
    mark = fingerprint(
        room=room,
        revision=REVISIONS[room],
        identity=section.identity(),
        inputs=[item if isinstance(item, str) else file_sha256(item) for item in inputs],
        classes=classes,
        initial=initial.get("sha256", initial.get("source", "none")),
    )
    data = samples(network)
    if fabric.is_global_zero:
        print(f"training {room} on {len(data)} images", file=sys.stderr, flush=True)
    fit(fabric, network, data, state, mark, training, out, None if measure is None else measure(network))
    if not fabric.is_global_zero:
        return
    write_text(out.parent / HISTORY, (state / HISTORY).read_text(encoding="utf-8"))
    settings = section.values(section.beside) | dict(extra or {})
    save_weights(out, Weights(room, network.state_dict(), settings, classes, initial))
