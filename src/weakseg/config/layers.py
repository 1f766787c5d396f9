"""The values of a run, from several files: config.yaml, a preset by name, the user's files, the command line.

Snakemake lays `--configfile` over `configfile:` by itself, but a preset lies between the two. So the files are read
again here; whoever needs a run's values without Snakemake uses the same function.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from weakseg.errors import InputError, started_in
from weakseg.installed import workflow

KEY = "preset"


def layered(
    files: Sequence[Path], settings: Sequence[str] = (), shipped: Path | None = None
) -> dict[str, Any]:
    """The values of a run: config.yaml, under the preset that is named, under the user's files, under single values.

    Args:
        files: the user's files, the last on top.
        settings: `key=value` of the command line; values are YAML.
        shipped: config.yaml, with workflow/presets beside it; `None`: the installed one.

    Raises:
        InputError: a file or value cannot be read, a preset does not exist, or presets name each other in a circle.
    """
    return completed(laid(*map(read_values, files), *map(_setting, settings)), shipped)


def completed(above: Mapping[str, Any], shipped: Path | None = None) -> dict[str, Any]:
    """The values of a run whose file holds `above`: laid over its preset and config.yaml.

    Args:
        above: the user's values.
        shipped: as in `layered`.

    Raises:
        InputError: as `layered`.
    """
    shipped = workflow() / "config.yaml" if shipped is None else shipped
    below = read_values(shipped)
    name = above.get(KEY, below.get(KEY))
    presets = shipped.parent / "workflow" / "presets"
    return laid(below, *(_chain(name, presets, ()) if isinstance(name, str) else ()), above)


def _setting(text: str) -> dict[str, Any]:
    key, _, value = text.partition("=")
    try:
        return {key: yaml.safe_load(value)}
    except yaml.YAMLError as error:
        raise InputError(
            f"--config {text[:200]!r} is not YAML ({' '.join(str(error).split())}); correct it, for example "
            "--config 'proxy={refine: {confidence: 0.9}}'."
        ) from None


def _chain(name: str, presets: Path, before: tuple[str, ...]) -> list[dict[str, Any]]:
    """A preset's values, after those of the preset that it names itself."""
    if name in before:
        raise InputError(
            f"the presets {' and '.join(before)} name each other; one that names no preset was expected at the end."
        )
    names = sorted(path.stem for path in presets.glob("*.yaml"))
    if name not in names:
        raise InputError(
            f"preset is {name[:100]!r}; one of {', '.join(names)} was expected (docs/presets.md says what they are "
            "for), or null for none. A file of your own is given by --configfile."
        )
    values = read_values(presets / f"{name}.yaml")
    below = values.pop(KEY, None)
    return [*(_chain(below, presets, (*before, name)) if isinstance(below, str) else ()), values]


def laid(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping of several, the last on top: sections are merged, other values replaced."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, Mapping):
                value = laid(below, value) if isinstance(below, Mapping) else laid(value)
            merged[key] = value
    return merged


def read_values(path: Path) -> dict[str, Any]:
    """The values of a configuration file, YAML or JSON.

    Raises:
        InputError: the file is missing, is neither or holds no keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}{started_in(path)}); correct the path."
        ) from None
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} is not YAML ({' '.join(str(error).split())}); correct that line.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(
            f"{path} holds {type(values).__name__}; keys with values, such as 'run: my-run', were expected."
        )
    return values


def names(files: Sequence[Path], shipped: Path) -> str:
    """The files of a configuration for messages: the user's, or the shipped one; short where they lie below here."""
    here = Path.cwd()
    return ", ".join(
        str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
        for path in (files or [shipped])
    )
