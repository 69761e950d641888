"""What all options share: pydantic checks them, and every refusal has one form. Knows no option."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, Strict, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from training.errors import ConfigInvalid

MANY = 1_000_000_000
Count = Annotated[int, Field(ge=0, le=MANY)]
Positive = Annotated[int, Field(ge=1, le=MANY)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=1e-9, le=1)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Texts = Annotated[tuple[str, ...], Strict(False)]
"""A list of a file becomes a tuple."""

_WRITTEN: Mapping[str, str] = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "tuple_type": "a list",
}


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
class Options:
    """Frozen fields, each with type, bounds and description. A subclass names its ``section`` of the TOML file. Raises
    ConfigInvalid when it is made of anything else, also by ``dataclasses.replace``."""

    section: ClassVar[str] = ""
    __pydantic_fields__: ClassVar[dict[str, FieldInfo]]

    def __init_subclass__(cls, section: str = "") -> None:
        cls.section = section

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_by_name(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, dict):  # a table of a file
            return cls(**given)
        try:
            return validate(given)
        except ValidationError as fault:
            raise _refusal(cls, fault.errors()[0]) from fault


def require_within(key: str, value: float, lowest: float, highest: float) -> None:
    """For bounds that another field sets. Raises ConfigInvalid."""
    if not lowest <= value <= highest:
        raise ConfigInvalid(f"{key} is {value!r}", f"use a number from {lowest} to {highest}")


def bounds_of(field: FieldInfo) -> str:
    """Lowest and highest number, or length of a list, that a field admits; "" when it has none."""
    limits = ("ge", "le", "min_length", "max_length")
    return " to ".join(str(getattr(one, name)) for one in field.metadata for name in limits if hasattr(one, name))


def _refusal(options: type[Options], error: ErrorDetails) -> ConfigInvalid:
    if not error["loc"]:
        return ConfigInvalid(f"{options.section} is {error['input']!r}", f"write a table [{options.section}]")
    first, *places = error["loc"]
    known = options.__pydantic_fields__
    name = list(known)[first] if isinstance(first, int) else first  # a number: it was given by position
    key = ".".join(filter(None, (options.section, name))) + "".join(f"[{place}]" for place in places)
    if error["type"] == "unexpected_keyword_argument":
        return ConfigInvalid(f"unknown key {key}", f"known: {', '.join(sorted(known))}")
    if error["type"] == "missing":
        return ConfigInvalid(f"{key} is missing", f"write {key} = ...")
    return ConfigInvalid(f"{key} is {error['input']!r}", _remedy(known[name], error))


def _remedy(field: FieldInfo, error: ErrorDetails) -> str:
    if written := _WRITTEN.get(error["type"]):
        return f"write {written}"
    if error["type"] == "literal_error":
        return f"use one of {', '.join(get_args(field.annotation))}"
    return f"{'write a list of' if error['type'].startswith('too_') else 'use a number from'} {bounds_of(field)}"
