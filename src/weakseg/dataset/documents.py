"""Reads JSON and YAML that other tools wrote: bounded, typed, and a sentence for whatever else is in the file.

msgspec decodes into the types that are asked for and skips everything else, such as the polygons of COCO's files, which
are nine tenths of their half a gigabyte. Nothing of a wrong file is used.
"""

import json
import mmap
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from weakseg.dataset.wording import shown
from weakseg.errors import InputError, started_in

Held = TypeVar("Held")
LARGEST_JSON = 1 << 33
"""Bytes of a JSON file that are read; ten times those of COCO."""
LARGEST_YAML = 1 << 22
_MARK = b"\xef\xbb\xbf"  # of the order of bytes, which some editors write
Key = int | str
"""What tools number images and categories by."""


def read_json(path: Path, kind: type[Held], expected: str, *, mapped: bool = True) -> Held:
    """Decode a JSON file as a type of msgspec; keys that the type lacks are skipped.

    Args:
        path: the file.
        kind: the type.
        expected: what the file should be, for messages.
        mapped: whether the file is mapped instead of read into memory; not for a type that keeps parts of its text.

    Raises:
        InputError: missing, no JSON, cut short, or of another content.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if not 0 < size <= LARGEST_JSON:
                raise InputError(f"{path} has {size:,} bytes; {expected} was expected: correct the path.")
            if not mapped:
                file.seek(0)
                return decoded(file.read().removeprefix(_MARK), kind, str(path), expected)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
                start = len(_MARK) if content[: len(_MARK)] == _MARK else 0
                with view[start:] as text:
                    return decoded(text, kind, str(path), expected)
    except (OSError, ValueError) as error:  # a folder, or what cannot be mapped
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path} cannot be read ({reason}{started_in(path)}); {expected} was expected: correct the path."
        ) from None


def decoded(text: bytes | memoryview, kind: type[Held], where: str, expected: str) -> Held:
    """Decode JSON as a type of msgspec.

    Raises:
        InputError: it is not JSON, or of another content; the message starts with `where`.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{where} is JSON of another content ({shown(str(error))}); {expected} was expected: correct it, or set "
            "dataset.source to what it is."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{where} is not whole JSON ({shown(str(error))}); {expected} was expected: export it again."
        ) from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply; {expected} was expected: export it again.") from None


def cell(text: str) -> Any:
    """A table's cell: the value where it is a list or mapping in JSON, else its text."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def read_yaml(path: Path, expected: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        InputError: missing, no YAML, of another content, or too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_YAML + 1)
        if len(content) > LARGEST_YAML:
            raise InputError(
                f"{path} has more than {LARGEST_YAML:,} bytes; {expected} was expected: correct the path."
            )
        held = yaml.safe_load(content)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}{started_in(path)}); {expected} was expected: correct the path."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = shown(" ".join(str(error).split()))
        raise InputError(f"{path} is not YAML ({reason}); {expected} was expected: correct it.") from None
    if not isinstance(held, dict):
        raise InputError(f"{path} holds no keys with values; {expected} was expected: correct it.")
    return {str(key): value for key, value in held.items()}
