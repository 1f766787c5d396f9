"""Reads configurations and explains mistakes in one sentence."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from weakseg.errors import InputError
from weakseg.settings.section import Section

Model = TypeVar("Model", bound=Section)
MOST_SHOWN = 10  # mistakes that one sentence lists
LONGEST = 100  # characters of a value or key that it shows


def parse(model: type[Model], values: Mapping[str, Any], source: str) -> Model:
    """Validate `values`.

    Raises:
        InputError: names each wrong value, what was found and what was expected.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()
        lines = [_explain(model, item) for item in wrong[:MOST_SHOWN]]
        more = [f"and {len(wrong) - MOST_SHOWN} more"] if len(wrong) > MOST_SHOWN else []
        raise InputError(f"{source}: {'; '.join(lines + more)}") from None


def read_stage(path: Path, model: type[Model]) -> Model:
    """Read a stage's settings, written by the workflow.

    Raises:
        InputError: the file is missing, is not JSON or holds a wrong value.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"--config {path} cannot be read ({error.strerror}); give a stage's JSON file."
        ) from None
    except ValueError as error:
        raise InputError(
            f"--config {path} is not JSON ({error}); give the file that the workflow wrote."
        ) from None
    return parse(model, values, str(path))


def _explain(model: type[BaseModel], error: Any) -> str:
    location = list(error["loc"])
    if location[-1:] == ["[key]"] and error["type"] != "extra_forbidden":
        location.pop()  # the key before it is wrong, not its value
    where = ".".join(_plain(str(part)) for part in location) or "the configuration"
    if error["type"] != "extra_forbidden":
        found = "" if error["type"] == "value_error" else f", found {_short(repr(error['input']))}"
        return f"'{where}': {_plain(error['msg'].removeprefix('Value error, '), 10 * LONGEST)}{found}"
    known = list(_section_at(model, location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}."
    return f"unknown key '{where}'; {hint}"


def _plain(text: str, longest: int = LONGEST) -> str:
    """The user's text as one line."""
    return _short(text if text.isprintable() else repr(text)[1:-1], longest)


def _short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _section_at(model: type[BaseModel], location: list[Any]) -> type[BaseModel]:
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return model
