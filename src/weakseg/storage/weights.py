"""Trained weights with their settings in one file, loaded without unpickling code."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from weakseg.errors import REMAKE, InputError
from weakseg.storage.atomic import atomic_file
from weakseg.storage.seal import check, seal

FORMAT = "weakseg-weights-2"
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Weights:
    """A trained network on disk.

    Attributes:
        room: `saliency`, `attention`, `segmenter` or `detector`.
        state: parameter and buffer tensors by name.
        settings: the stage's resolved configuration, plain values only.
        classes: class names in order, without background (empty for saliency).
        initial: provenance of the initial weights: `{"source": …, "sha256": …}`.
    """

    room: str
    state: dict[str, Tensor]
    settings: dict[str, Any]
    classes: list[str]
    initial: dict[str, str] = field(default_factory=dict)


def save_weights(path: Path, weights: Weights) -> None:
    """Write atomically; tensors go to CPU, contiguous.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    content = {"format": FORMAT} | vars(weights)
    content["state"] = {name: value.detach().cpu().contiguous() for name, value in weights.state.items()}
    with atomic_file(path) as file:
        torch.save(content, file)
        seal(file)


def load_weights(path: Path, room: str, classes: Sequence[str] | None = None) -> Weights:
    """Read a file written by `save_weights` with `weights_only=True`, after verifying its checksum.

    Args:
        path: the file.
        room: the expected room.
        classes: the expected classes, if given.

    Raises:
        InputError: missing, damaged, weights of another room or program, or trained for other classes.
    """
    try:
        check(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; train the {room} stage first.") from None
    except InputError:
        raise
    except Exception as error:  # torch raises many types for a damaged or foreign file
        raise InputError(
            f"{path} cannot be read as weakseg weights ({type(error).__name__}); {REMAKE}."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("room") != room:
        found = content.get("room", "unknown") if isinstance(content, dict) else type(content).__name__
        raise InputError(
            f"{path} holds {found} weights; {room} weights written by weakseg were expected: "
            f"give the weights.pt of results/<run>/{room}."
        )
    content.pop("format")
    if set(content) != {item.name for item in fields(Weights)}:
        raise InputError(f"{path} lacks parts of {FORMAT}; {REMAKE}.")
    weights = Weights(**content)
    if classes is not None and weights.classes != list(classes):
        raise InputError(
            f"{path} was trained for the classes {weights.classes}, the index has {list(classes)}; "
            f"they must agree: train the {room} stage again."
        )
    return weights


def restore(path: Path, weights: Weights, build: Callable[[dict[str, Any]], Network]) -> Network:
    """Build the network of saved weights.

    Args:
        path: their file, for messages.
        weights: its parameters and settings.
        build: makes an untrained network of the settings.

    Raises:
        InputError: settings or parameters do not fit the network that `build` makes.
    """
    try:
        network = build(weights.settings)
        network.load_state_dict(weights.state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} holds {weights.room} weights that do not fit this weakseg's {weights.room} network "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); another version wrote them: train the "
            f"{weights.room} stage again, or use that version."
        ) from error
    return network


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
