"""Where timm publishes weights, read from its source files: importing it takes seconds, and torch.

Each of its files of models holds a dictionary from `<model>.<tag>` to a call such as
`_cfg(url=…, hf_hub_id="timm/", license=…)`; the function called has the defaults.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

HUB = "https://huggingface.co/"
_NAME = re.compile(r"""^\s*["']([a-z0-9_]+\.[a-z0-9_]+)\*?["']\s*:""", re.MULTILINE)
_KEYS = ("url", "hf_hub_id", "hf_hub_filename", "license")
_Functions = Mapping[str, ast.FunctionDef]
_Stated = dict[str, str | None]


class Published(NamedTuple):
    """Weights of timm.

    Attributes:
        address: of the file on Hugging Face, at its newest revision; else timm's own.
        licence: as Hugging Face names it; `None`: not stated.
    """

    address: str
    licence: str | None


def published(name: str) -> Published | None:
    """Where timm publishes the weights `<model>.<tag>`; `None`: the installed timm has none of that name, or takes them
    out of a part of another model's."""
    path = _files().get(name)
    stated = {} if path is None else _stated(path).get(name, {})
    hub, address = stated.get("hf_hub_id"), stated.get("url") or ""
    if stated.get("hf_hub_filename") or not (hub or address):
        return None
    if hub:
        address = f"{HUB}{hub}{name if hub.endswith('/') else ''}/resolve/main/model.safetensors"
    return Published(address, stated.get("license"))


def names(model: str = "") -> list[str]:
    """The published weights of a model of timm; without one, all names, some of them of weights that never were."""
    if not model:
        return list(_files())
    return [name for name in _files() if name.partition(".")[0] == model and published(name) is not None]


@lru_cache
def _files() -> dict[str, Path]:
    """Name of weights → the file of timm that describes them."""
    spec = find_spec("timm")  # which does not import it
    if spec is None or spec.origin is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted((Path(spec.origin).parent / "models").glob("*.py")):
        for name in _NAME.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, path)
    return found


@lru_cache
def _stated(path: Path) -> dict[str, _Stated]:
    """Name of weights → what a file of timm states of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    found = {}
    for node in ast.walk(tree):
        for key, value in _pairs(node) if isinstance(node, ast.Dict) else ():
            if "." in key:
                found[key.rstrip("*")] = _values(value, functions)
    return found


def _values(node: ast.AST, functions: _Functions) -> _Stated:
    """The stated values of a dictionary, or of a call of `dict` or of one of timm's functions with defaults."""
    found: _Stated = {}
    for inner in _inner(node, functions):
        found |= _values(inner, functions)
    for key, value in _pairs(node):
        if key in _KEYS and isinstance(value, ast.Constant) and isinstance(value.value, str | None):
            found[key] = value.value
    return found


def _inner(node: ast.AST, functions: _Functions) -> Iterator[ast.AST]:
    """Dictionaries and calls that a node takes its defaults from."""
    if isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True) if key is None)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in functions:
            inside = ast.walk(functions[node.func.id])
            yield from (each.value for each in inside if isinstance(each, ast.Return) and each.value)
        yield from node.args
        yield from (each.value for each in node.keywords if each.arg is None)


def _pairs(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """Keys and values; the first argument of a call without a keyword is its address."""
    if isinstance(node, ast.Dict):
        both = zip(node.keys, node.values, strict=True)
        return [
            (key.value, value)
            for key, value in both
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        ]
    if isinstance(node, ast.Call):
        return [
            *(("url", each) for each in node.args[:1]),
            *((each.arg, each.value) for each in node.keywords if each.arg),
        ]
    return []
