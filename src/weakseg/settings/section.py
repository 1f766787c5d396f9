"""What every part of the configuration is made of."""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator


def _as_file_systems_take(path: str) -> str:
    """Refuse a path that the system would answer with an error of its own, instead of saying that it is not there."""
    if len(path.encode()) > 4000 or any(len(part.encode()) > 255 for part in path.split("/")):
        raise ValueError("a path of at most 4000 bytes, and 255 between slashes, was expected")
    return path


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1000.0)]  # from 1e38 on float32 overflows, and argmax takes NaN
Deviation = Annotated[float, Field(ge=0.01, le=1000.0)]  # below, the CRF divides by next to nothing
Weight = Annotated[float, Field(ge=0.0, le=1000.0)]
Scale = Annotated[float, Field(gt=0.0, le=10.0)]  # of an image's sides: a hundred times the memory
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what numpy and torch both take
RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""A folder's name that needs no quotes in a shell and cannot lead elsewhere."""
FilePath = Annotated[
    str, Field(pattern=r"^[^\x00-\x1f\x7f{}]+$", max_length=4000), AfterValidator(_as_file_systems_take)
]
"""A path; Snakemake takes braces for a wildcard, and no shell or log shows control characters as they are."""
_INSIDE = r"|/,\\\x00-\x1f\x7f-\x9f"
_NAME = rf"^[^\s{_INSIDE}]([^{_INSIDE}]*[^\s{_INSIDE}])?$"  # for editors; _named says it in words


def _named(name: str) -> str:
    """A class's name, its accents coded in one way (NFC), or a sentence on what names may not hold."""
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
"""A class: no blanks at its ends, nothing that tables and file names are built with, no control characters. Accents
count as the same letters however they are coded."""


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused.

    Of a section that is given in part, what is left out is as in the default of the field that it stands in, which may
    differ from its class's: `segmenter.training.iterations` is 16,000 whatever else is set there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    beside: ClassVar[frozenset[str]] = frozenset()
    """Fields that do not change the result: how often it is saved, on how many processes, for what else it is read."""

    def idle(self) -> set[str]:
        """Fields that nothing reads with the values of the others."""
        return set()

    def values(self, leave_out: Collection[str] = ()) -> dict[str, Any]:
        """Plain values of everything that is read, sections as dictionaries."""
        unread = {*leave_out, *self.idle()}
        plain = self.model_dump(mode="json", exclude=unread)
        inner = {name: getattr(self, name) for name in plain}
        return {
            name: value.values() if isinstance(value, Section) else plain[name]
            for name, value in inner.items()
        }

    def identity(self) -> dict[str, Any]:
        """What determines the result, plain values: all that is read but `beside`."""
        kept = self.values(self.beside)
        return {
            name: own.identity() if isinstance(own := getattr(self, name), Section) else value
            for name, value in kept.items()
        }

    @field_validator("*", mode="before")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what pydantic would quietly turn into a number or a switch, such as `iterations: true`.

        Text stays good for a float: YAML reads `1e-3` as text.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        wanted = {annotation, *get_args(annotation)}
        if (isinstance(value, bool) and wanted & {int, float}) or (
            isinstance(value, str) and wanted & {int, bool}
        ):
            expected = "true or false" if bool in wanted else "a number"
            raise ValueError(f"Input should be {expected}, found {value!r}")
        default = cls.model_fields[str(info.field_name)].default
        return _laid_over(default, value) if isinstance(default, Section) else value


def _laid_over(default: Section, value: Any) -> Any:
    """Values of a section, with what the default sets and they leave out."""
    if not isinstance(value, Mapping):
        return value
    laid = dict(value)
    for name in default.model_fields_set:
        own = getattr(default, name)
        if name not in laid:
            laid[name] = own
        elif isinstance(own, Section):
            laid[name] = _laid_over(own, laid[name])
    return laid
