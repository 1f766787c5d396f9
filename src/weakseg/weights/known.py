"""Published weights that a configuration may name, such as `u2netp`, `vgg16` or `tf_efficientnet_lite0.in1k`.

A name of the table never changes its file: other weights get another name. Weights of timm that are not in the table
have a name as well, `<model>.<tag>` as timm writes it; their file is the one that the cache fetched first.
"""

import difflib
import re
from functools import lru_cache
from pathlib import Path

from weakseg.weights.declaration import IMAGENET, Known
from weakseg.weights.supervision import UNKNOWN
from weakseg.weights.table import TABLE
from weakseg.weights.timm_source import names, published
from weakseg.weights.timm_table import TIMM, of_timm

__all__ = [
    "FAMILY",
    "KNOWN",
    "RECOGNISED",
    "TORCHVISION",
    "Known",
    "alike",
    "check_use",
    "find",
    "named",
    "near",
    "of_architecture",
    "trained_on",
]

TORCHVISION = ("IMAGENET1K_V1", "IMAGENET1K_FEATURES")
"""Torchvision's own names: which file they mean depends on the architecture."""
FAMILY = "timm/"
"""What the architectures of timm's models start with."""
_OF_TIMM = re.compile(r"[a-z0-9_]+\.(?!(?:onnx|pth?|safetensors|npz|h5)$)[a-z0-9_]+")
KNOWN: dict[str, Known] = {known.name: known for known in (*TABLE, *TIMM)}
"""Name → published file."""
RECOGNISED = {
    "2244426755fc64ed74a6be95b3f680826d9f41df98ac4b93a7497af9c8a09555": IMAGENET,  # VGG16's 13 layers, float16
    "2b4a5f7e9a1870e2c41efd811c5b04f7e5843b32900a338e3f181204a324f9c6": IMAGENET,  # EfficientNet-Lite0, timm's names
}
"""SHA-256 of files without a published address → training data, strongest labels."""


def find(value: str, architecture: str = "") -> Known | None:
    """The published file that a value of the configuration names; `None` for a path, and for a file that exists.

    Args:
        value: a name of `KNOWN`, another name of timm's or, with an architecture, one of `TORCHVISION`.
        architecture: the backbone whose weights are asked for, `timm/<model>` of timm's; empty for a saliency network.
    """
    if value in TORCHVISION:
        same = (each for each in KNOWN.values() if each.architecture == architecture)
        return next((each for each in same if each.torchvision == value), None)
    if "/" in value or Path(value).is_file():
        return None
    return named(value)


def named(name: str) -> Known | None:
    """The published file of this name, of the table or else of timm."""
    return KNOWN.get(name) or _beyond_table(name)


@lru_cache
def _beyond_table(name: str) -> Known | None:
    source = published(name) if _OF_TIMM.fullmatch(name) else None
    return None if source is None else of_timm(name, source)


def trained_on(digest: str, name: str = "") -> tuple[str, str] | None:
    """Training data and strongest labels of a file, if it is known.

    Args:
        digest: its SHA-256.
        name: what the provenance calls it: of weights of timm whose SHA-256 the hub told, their name.
    """
    for known in KNOWN.values():
        if known.sha256 and digest.startswith(known.sha256):
            return known.trained_on, known.labels
    if digest in RECOGNISED:
        return RECOGNISED[digest]
    told = named(name) if "/" not in name else None
    found = None if told is None or told.sha256 else (told.trained_on, told.labels)
    return None if found == UNKNOWN else found


def near(value: str, architecture: str = "") -> str:
    """What to write instead of a value that is neither a file nor a name."""
    fitting, close = [each.name for each in of_architecture(architecture)], []
    if not architecture.startswith(FAMILY) or value.startswith(f"{architecture.removeprefix(FAMILY)}."):
        close = difflib.get_close_matches(
            value, fitting, n=2, cutoff=0.5
        )  # else all are as near as their model's name
    close = close or fitting[:3]
    if not close:
        return "a file, or none: no weights of it are published by name"
    listed = f"weakseg weights list{f' {architecture}' if architecture.startswith(FAMILY) else ''}"
    return f"{' or '.join(close)} (all names: {listed})"


def alike(name: str) -> str:
    """The published names nearest to one that is none, whatever they belong to."""
    every = list(dict.fromkeys([*KNOWN, *(names() if "." in name else ())]))
    close = difflib.get_close_matches(name, every, n=2, cutoff=0.5) or list(KNOWN)[:3]
    return f"{' or '.join(close)} (all names: weakseg weights list)"


def of_architecture(architecture: str) -> list[Known]:
    """The published weights of a backbone, those of the table first; of a model of timm, all that timm publishes."""
    table = [each for each in KNOWN.values() if each.architecture == architecture]
    model = architecture.removeprefix(FAMILY)
    others = names(model) if model and architecture.startswith(FAMILY) else []
    return [*table, *(each for name in others if name not in KNOWN if (each := named(name)))]


def check_use(value: str, architecture: str = "") -> None:
    """Refuse a name of weights that belong to something else.

    Raises:
        ValueError: they do.
    """
    wanted = f"those of {architecture} were" if architecture else "a saliency network was"
    if value in TORCHVISION and architecture.startswith(FAMILY):
        raise ValueError(
            f"{value} names weights of torchvision, and {wanted} expected: {near(value, architecture)}"
        )
    plain = value.removeprefix(FAMILY)
    if plain != value and named(plain) is not None and not Path(value).exists():
        raise ValueError(f"{value} is no file; leave {FAMILY} out of the name of weights: {plain}")
    known = find(value, architecture)
    if known is not None and known.architecture != architecture:
        belongs = f"names weights of {known.architecture}" if known.architecture else "is a saliency network"
        raise ValueError(f"{value} {belongs}, and {wanted} expected: {near(value, architecture)}")
