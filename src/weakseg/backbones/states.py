"""Named tensors from files of other programs: unwrapped, or refused by saying what the file is."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from weakseg.errors import InputError
from weakseg.storage.disguised import refuse_disguised

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which training programs keep a network's parameters beside other things."""
LONGEST = 300  # characters of a library's error that are told


def read_state(path: Path, known: str) -> dict[str, Tensor]:
    """The named tensors of a torch or safetensors file, without what training programs put around them.

    Args:
        path: the file.
        known: a name that weights of the backbone hold.

    Raises:
        InputError: missing or damaged, not such a file, or without named tensors.
    """
    require_file(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format's library raises types of its own for a damaged file
        raise unreadable(path, error) from error
    return unwrapped(content, known, path)


def unwrapped(content: object, known: str, path: Path) -> dict[str, Tensor]:
    """Named tensors, taken out of a dictionary that holds them and freed of a prefix (`module.`, `backbone.`).

    Both are said in a line of the log.

    Args:
        content: what a file holds.
        known: a name that is expected; what stands before it in the file is the prefix.
        path: the file, for messages.

    Raises:
        InputError: there are no named tensors.
    """
    while isinstance(content, Mapping):
        key = next((key for key in WRAPPINGS if isinstance(content.get(key), Mapping)), None)
        if key is None:
            break
        content = content[key]
        _say(f"{path}: its parameters lie under '{key}', and are taken from there")
    named = content if isinstance(content, Mapping) else {}
    state = {str(name): value for name, value in named.items() if isinstance(value, Tensor)}
    if not state:
        keys = ", ".join(map(str, list(named)[:5]))
        raise InputError(
            f"weights file {path} holds {f'a dictionary of {keys}' if keys else f'a {type(content).__name__}'}; names "
            "with their tensors were expected: save the state_dict() of a network."
        )
    prefix = _prefix(state, known)
    if not prefix:
        return state
    _say(f"{path}: '{prefix}' stands before the names of its parameters, and is taken off")
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _prefix(state: Mapping[str, Tensor], known: str) -> str:
    """What stands before the known name; a numbered layer that has a part of that name is none.

    Of names that are not known, `module.` before all of them, as data parallel training puts it.
    """
    found = [name.removesuffix(known) for name in state if name.endswith(f".{known}")]
    words = [prefix for prefix in found if not any(part.isdigit() for part in prefix.split("."))]
    if known in state:
        return ""
    return min(words, key=len, default="module." if all(name.startswith("module.") for name in state) else "")


def check_finite(value: Tensor, name: str, source: Path | str) -> None:
    """Refuse a tensor with numbers that are not finite.

    Raises:
        InputError: it holds NaN or infinity.
    """
    if not bool(torch.isfinite(value).all()):
        kind = "NaN" if bool(torch.isnan(value).any()) else "an infinite number"
        raise InputError(
            f"weights file {source} holds {kind} in '{name}'; finite numbers were expected: replace the file."
        )


def require_file(path: Path) -> None:
    """Refuse a file that is missing, or is not what its name says.

    Raises:
        InputError: it is.
    """
    if not path.is_file():
        raise InputError(f"weights file {path} is missing; correct backbone.weights or put the file there.")
    refuse_disguised(path, "weights file")


def unreadable(path: Path, error: Exception) -> InputError:
    """The sentence for a file that its library refuses."""
    text = " ".join(str(error).split())
    foreign = re.search(r"GLOBAL (\S+)", text)  # torch's word for what it would have to run
    if foreign is not None:
        return InputError(
            f"weights file {path} holds a whole object ({foreign[1]}), which could run code and is not loaded; names "
            "with their tensors were expected: save the state_dict() of the network in place of the network."
        )
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return InputError(
        f"weights file {path} cannot be read ({type(error).__name__}: {text}); weights of the backbone's architecture "
        "were expected: replace the file."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
