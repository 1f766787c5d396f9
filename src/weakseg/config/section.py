"""What every part of the configuration is made of."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
ClassName = Annotated[str, Field(pattern=r"^[^\s|/,\\][^|/,\\\n]*$")]


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

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
        return value
