"""What every training command does around the loop."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from weakseg.storage.atomic import write_text
from weakseg.storage.weights import Weights, file_sha256, save_weights
from weakseg.training.checkpoint import fingerprint
from weakseg.training.history import HISTORY
from weakseg.training.launch import launch
from weakseg.training.loop import fit
from weakseg.training.revisions import REVISIONS
from weakseg.training.sampling import Samples


def train_stage(
    room: str,
    build: Callable[[], nn.Module],
    samples: Callable[[Any], Samples],
    *,
    settings: dict[str, Any],
    identity: dict[str, Any],
    optimization: dict[str, Any],
    inputs: list[Path],
    classes: list[str],
    initial: dict[str, str],
    state: Path,
    out: Path,
) -> None:
    """Build a network, train or resume it, and write its weights and history.

    Args:
        room: name written into the weights.
        build: makes the untrained network; called with torch seeded.
        samples: makes the training samples for that network (its fill colour pads the crops).
        settings: the stage's resolved settings, written into the weights.
        identity: the part of them that determines the result.
        optimization: keyword arguments of `launch` and `fit`.
        inputs: files whose content determines the result.
        classes: class names written into the weights.
        initial: provenance of the initial weights.
        state: folder of the training state.
        out: the weights file; `history.csv` is written beside it.
    """
    options = dict(optimization)
    fabric = launch(*(options.pop(name) for name in ("precision", "processes", "nodes")))
    torch.manual_seed(options["seed"])
    network = build()
    mark = fingerprint(
        room=room,
        revision=REVISIONS[room],
        identity=identity,
        inputs=[file_sha256(path) for path in inputs],
        classes=classes,
        initial=initial.get("sha256", initial.get("source", "none")),
    )
    data = samples(network)
    if fabric.is_global_zero:
        print(f"training {room} on {len(data)} images", file=sys.stderr, flush=True)
    fit(fabric, network, data, state, mark, **options)
    if not fabric.is_global_zero:
        return
    write_text(out.parent / HISTORY, (state / HISTORY).read_text(encoding="utf-8"))
    save_weights(out, Weights(room, network.state_dict(), settings, classes, initial))
