"""Writes training/OPTIONS.md: every option of a training run, as its type tells it. Knows no run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from training.options.config import TrainingConfig
from training.options.validation import Options, bounds_of

FILE = Path(__file__).parents[1] / "OPTIONS.md"

_HEAD = """# Options of a training run

A run reads one TOML file, such as those in [configs](configs). A key that is left out has its default; `name` has that
of the file. This page is made by `python -m training.options.reference`.
"""
_TYPES: Mapping[Any, str] = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def reference() -> str:
    """The page: one table for the top of the file and for each of its sections."""
    top = TrainingConfig.__pydantic_fields__.values()
    sections = [
        one.annotation for one in top if isinstance(one.annotation, type) and issubclass(one.annotation, Options)
    ]
    return "\n".join([_HEAD, _chapter(TrainingConfig), *map(_chapter, sections)])


def _chapter(options: type[Options]) -> str:
    title, prefix = (f"[{options.section}]", f"{options.section}.") if options.section else ("Top of the file", "")
    head = ["| key | type | default | bounds | what |", "|---|---|---|---|---|"]
    rows = [_row(prefix + name, one) for name, one in options.__pydantic_fields__.items() if one.description]
    return "\n".join([f"## {title}", "", " ".join((options.__doc__ or "").split()), "", *head, *rows, ""])


def _row(key: str, field: FieldInfo) -> str:
    given = None if field.is_required() else field.default
    default = "" if given is None else f"`{json.dumps(given)}`"
    return f"| `{key}` | {_type(field.annotation)} | {default} | {bounds_of(field)} | {field.description} |"


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{one}"`' for one in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    return _TYPES.get(annotation) or _type(get_args(annotation)[0])


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
