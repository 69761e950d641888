"""Lets commands share options: a parameter whose type is a dataclass stands for one option per field. Must not know any
command."""

import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

Command = Callable[..., None]


def with_grouped_options(command: Command) -> Command:
    """The command as Typer can read it: every dataclass parameter replaced by parameters for its fields."""
    own = inspect.signature(command).parameters
    types: dict[str, type[Any]] = {name: one.annotation for name, one in own.items()}
    groups = {name: group for name, group in types.items() if is_dataclass(group)}

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field: values.pop(field) for field in inspect.signature(group).parameters})
        command(**values)

    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.items()
        for one in (inspect.signature(groups[name]).parameters.values() if name in groups else (parameter,))
    ]
    run.__name__ = command.__name__
    run.__doc__ = command.__doc__
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    return run
