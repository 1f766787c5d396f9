"""Base class and field types of the configuration."""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator


def _as_file_systems_take(path: str) -> str:
    """Refuse a path too long for file systems, which they would not report as missing."""
    if len(path.encode()) > 4000 or any(len(part.encode()) > 255 for part in path.split("/")):
        raise ValueError("a path of at most 4000 bytes, and 255 between slashes, was expected")
    return path


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1000.0)]  # from 1e38 on float32 overflows, and argmax takes NaN
Deviation = Annotated[float, Field(ge=0.01, le=1000.0)]  # smaller values make the CRF divide by almost 0
Weight = Annotated[float, Field(ge=0.0, le=1000.0)]
Scale = Annotated[float, Field(gt=0.0, le=10.0)]  # of an image's sides; 10 takes a hundred times the memory
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # range of both numpy and torch
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""A folder name without path separators or characters that a shell needs quoted."""
FilePath = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f{}]+$", max_length=4000), AfterValidator(_as_file_systems_take)
]
"""A path without braces (Snakemake's wildcards) and control characters."""
_INSIDE = r"|/,\\\x00-\x1f\x7f-\x9f"
_NAME = rf"^[^\s{_INSIDE}]([^{_INSIDE}]*[^\s{_INSIDE}])?$"  # for editors; `_named` explains it in words


def _named(name: str) -> str:
    """A class name in Unicode form NFC.

    Raises:
        ValueError: it contains forbidden characters.
    """
    name = unicodedata.normalize("NFC", name)
    odd = [
        repr(character)
        for character in dict.fromkeys(name)
        if character in "|/,\\" or unicodedata.category(character) in ("Cc", "Cs")
    ]
    if odd:
        raise ValueError(
            f"the name {name!r} has {' and '.join(odd[:3])}; a name may hold anything but | / , \\ and control "
            "characters, of which tables and file names are made: write a blank or - instead"
        )
    if not name or name != name.strip():
        raise ValueError(f"a name without blanks at its ends was expected, found {name!r}")
    return name


ClassName = Annotated[
    str, Field(max_length=200, json_schema_extra={"pattern": _NAME}), AfterValidator(_named)
]
"""A class name: no blanks at its ends, no separators of tables and paths, no control characters; stored as NFC."""


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused.

    Values that a user leaves out come from the default of the field that holds the section, which may differ from the
    class's defaults: `segmenter.training.iterations` is 16,000 whatever else is set there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    beside: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not change the result, such as how often it is saved or on how many processes it runs."""

    def idle(self) -> set[str]:
        """Fields that are not used, given the values of the others."""
        return set()

    def values(self, leave_out: Collection[str] = ()) -> dict[str, Any]:
        """All used fields as plain values, sections as dictionaries."""
        plain = self.model_dump(mode="json", exclude={*leave_out, *self.idle()})
        return {
            name: own.values() if isinstance(own := getattr(self, name), Section) else value
            for name, value in plain.items()
        }

    def identity(self) -> dict[str, Any]:
        """The values that determine the result: all used fields except `beside`."""
        kept = self.values(self.beside)
        return {
            name: own.identity() if isinstance(own := getattr(self, name), Section) else value
            for name, value in kept.items()
        }

    @field_validator("*", mode="before")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse values that pydantic would silently convert, such as `iterations: true`.

        Text is accepted for a float: YAML reads `1e-3` as text.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        wanted = {annotation, *get_args(annotation)}
        if (isinstance(value, bool) and wanted & {int, float}) or (
            isinstance(value, str) and wanted & {int, bool}
        ):
            expected = "true or false" if bool in wanted else "a number"
            raise ValueError(f"Input should be {expected}, found {value!r}")
        default = cls.model_fields[str(info.field_name)].default
        return _with_defaults(default, value) if isinstance(default, Section) else value


def _with_defaults(default: Section, value: Any) -> Any:
    """The values of a section, completed by those that its default sets."""
    if not isinstance(value, Mapping):
        return value
    completed = dict(value)
    for name in default.model_fields_set:
        own = getattr(default, name)
        if name not in completed:
            completed[name] = own
        elif isinstance(own, Section):
            completed[name] = _with_defaults(own, completed[name])
    return completed
