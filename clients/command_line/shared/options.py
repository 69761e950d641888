"""Lets commands share options: a parameter whose type is a dataclass stands for one option per field. Must not know any
command."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

Command = Callable[..., None]


def with_grouped_options(command: Command) -> Command:
    """The command as Typer can read it: every dataclass parameter replaced by parameters for its fields."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint) and isinstance(hint, type)}

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        command(**values)

    parameters = [
        one
        for parameter in inspect.signature(command).parameters.values()
        for one in _parameters(parameter, hints[parameter.name])
    ]
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    return run


def _parameters(parameter: inspect.Parameter, hint: Any) -> list[inspect.Parameter]:
    if not is_dataclass(hint):
        return [parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY)]
    hints = get_type_hints(hint, include_extras=True)
    required = inspect.Parameter.empty
    defaults = {one.name: required if one.default is MISSING else one.default for one in fields(hint)}
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
        for name, default in defaults.items()
    ]
