"""The tables of docs/configuration.md, weights.md and backbones.md, read from the code.

A section that several places share, such as `training`, has one table; each place lists what differs there.
"""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from weakseg.config import Config
from weakseg.config.standing import markdown
from weakseg.weights.known import KNOWN

Model = type[BaseModel]
REQUIRED = object()
"""Stands for a default where there is none."""
HEAD = "| key | value | default | meaning |\n|---|---|---|---|\n"
WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", type(None): "`null`"}
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def sections_of(field: FieldInfo) -> list[Model]:
    """The models that a field may hold; none where it is a value."""
    wanted = [field.annotation, *get_args(field.annotation)]
    return [kind for kind in wanted if isinstance(kind, type) and issubclass(kind, BaseModel)]


def nested(field: FieldInfo) -> Model | None:
    """The section that a field is, or `None` for a value."""
    sections = sections_of(field)
    return sections[0] if sections and get_origin(field.annotation) not in (list, dict) else None


def walk(model: Model, given: Any, key: str = "") -> Iterator[tuple[str, Model, Any]]:
    """Every section below one, with its key and its default."""
    for name, field in model.model_fields.items():
        below = nested(field)
        if below is not None:
            value = getattr(given, name, None)
            value = value if isinstance(value, BaseModel) else below()
            yield f"{key}{name}", below, value
            yield from walk(below, value, f"{key}{name}.")
        elif sections_of(field):
            yield f"{key}{name}.…", sections_of(field)[0], None


def kind(annotation: Any) -> str:
    """A type in words: `whole number`, `a` or `b`, list of numbers."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " · ".join(f"`{shown(value).strip('`')}`" for value in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(kind(part) for part in inside)
    if origin in (list, tuple):
        return f"list of {kind(inside[0])}s"
    if origin is dict:
        return "mapping"
    if hasattr(annotation, "__metadata__"):
        return kind(inside[0])
    return WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def number(value: float) -> str:
    """`10,000`, `0.5`."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def bounds(field: FieldInfo) -> str:
    """`≥ 1, ≤ 64`, from the field's own limits; a sign and its number stay on one line."""
    limits = [
        f"{sign}\N{NO-BREAK SPACE}{number(getattr(part, name))}"
        for part in field.metadata
        for name, sign in SIGNS.items()
        if getattr(part, name, None) is not None
    ]
    return ", ".join(limits)


def shown(value: Any) -> str:
    """A default as YAML has it."""
    if value is REQUIRED:
        return "required"
    if isinstance(value, bool) or value is None:
        return f"`{ {True: 'true', False: 'false', None: 'null'}[value] }`"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(shown(part).strip('`') for part in value)}]`"
    return f"`{value:.4g}`" if isinstance(value, float) else f"`{value}`" if value != {} else "`{}`"


def row(name: str, field: FieldInfo, default: Any) -> str:
    """A line of a table."""
    value = ", ".join(part for part in (kind(field.annotation), bounds(field)) if part)
    text = " ".join((field.description or "").split())
    return (
        "| "
        + " | ".join(part.replace("|", "\\|") for part in (f"`{name}`", value, shown(default), text))
        + " |\n"
    )


def differs(name: str, model: Model, default: Any, base: Model, usual: Any) -> bool:
    """Whether a key has another default, meaning or limits here than where it is described."""
    if name not in base.model_fields:
        return True
    field, other = model.model_fields[name], base.model_fields[name]
    same = (field.description, field.metadata, field.annotation) == (
        other.description,
        other.metadata,
        other.annotation,
    )
    return not same or getattr(default, name) != getattr(usual, name)


def table(model: Model, default: Any, base: Model | None = None) -> str:
    """The values of a section; of one that is described elsewhere, those that differ from there."""
    usual = base() if base else None
    rows = [
        row(name, field, getattr(default, name, REQUIRED))
        for name, field in model.model_fields.items()
        if nested(field) is None and (base is None or differs(name, model, default, base, usual))
    ]
    return HEAD + "".join(rows) + "\n" if rows else ""


def summary(model: Model) -> str:
    """The first paragraph of a section's docstring."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split()) + "\n\n"


def shared(sections: list[tuple[str, Model, Any]]) -> dict[Model, str]:
    """Sections in several places under one name → their title: `training`, or of one room `saliency.….data`."""
    places: dict[Model, list[str]] = {}
    for key, model, _ in sections:
        places.setdefault(model, []).append(key)
    titles = {}
    for model, keys in places.items():
        (name, *others), rooms = {key.split(".")[-1] for key in keys}, {key.split(".")[0] for key in keys}
        if len(keys) > 1 and not others:
            titles[model] = f"`{name}`" if len(rooms) > 1 else f"`{rooms.pop()}.….{name}`"
    return titles


def anchor(title: str) -> str:
    """The name by which links find a shared section."""
    return "every-" + title.strip("`").replace(".….", "-").replace("_", "-")


def one(key: str, model: Model, default: Any, common: dict[Model, str]) -> str:
    """A section under its heading."""
    base = next((parent for parent in model.__mro__ if parent in common), None)
    text = f"{'#' * min(2 + key.removesuffix('.…').count('.'), 4)} `{key}`\n\n"
    if base is None:
        return text + summary(model) + table(model, default)
    rows = table(model, default, base)
    link = f"Keys as in [every {common[base]}](#{anchor(common[base])})"
    return text + (f"{link}; these differ:\n\n{rows}" if rows else f"{link}.\n\n")


def reference() -> str:
    """All sections, as Markdown."""
    sections = list(walk(Config, Config()))
    common = shared(sections)
    parts = ["\n\n## The run\n\n", table(Config, Config())]
    parts += [one(key, model, default, common) for key, model, default in sections]
    for model, title in common.items():
        parts += [f"({anchor(title)})=\n## Every {title}\n\n", summary(model), table(model, model())]
    return "".join(parts)


def weights() -> str:
    """The table of published weights, as Markdown."""
    rows = [
        f"| `{known.name}` | {known.file_name} | {known.megabytes} | {known.terms} | {known.trained_on} | "
        f"{f'`{known.sha256[:8]}…`' if known.sha256 else 'asked of the hub'} |\n"
        for known in KNOWN.values()
    ]
    head = "| name | file | size | licence | trained on | SHA-256 |\n|---|---|---|---|---|---|\n"
    return "\n" + head + "".join(rows)


def backbones() -> str:
    """The table of what stands on what, as Markdown."""
    return markdown()


if __name__ == "__main__":
    print(reference())
