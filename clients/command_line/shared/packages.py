"""Other people's packages, some of which may not be installed: the help of a command is shown all the same. Must not
know any command."""

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

OURS = ("clients", "crossrank", "crossrank_client", "deploy", "gateway", "training")


def is_missing_package(fault: ModuleNotFoundError) -> bool:
    """The installation is without some extra. Where a module of ours cannot be found, that is a bug."""
    return fault.name is not None and not _is_ours(fault.name)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


class _StandIn(type):
    """A class that has every attribute, and may be called, subscripted and inherited from."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _stand_in(name)

    def __call__(cls, *_: Any, **__: Any) -> Any:
        return _stand_in(cls.__name__)

    def __getitem__(cls, _: Any) -> Any:
        return cls


def _stand_in(name: str) -> Any:
    return _StandIn(name, (), {})


@contextmanager
def missing_packages_stand_in() -> Iterator[None]:
    """While the block runs, what a module of ours imports from a package that is missing is a stand-in. Only for help:
    what was imported so cannot be run."""
    real: Callable[..., Any] = builtins.__import__

    def lenient(name: str, *rest: Any, **named: Any) -> Any:
        try:
            return real(name, *rest, **named)
        except ModuleNotFoundError as fault:
            importer = (rest[0] if rest else named.get("globals")) or {}
            if not (is_missing_package(fault) and _is_ours(importer.get("__name__", ""))):
                raise
            return _stand_in(name.partition(".")[0])

    builtins.__dict__["__import__"] = lenient
    try:
        yield
    finally:
        builtins.__dict__["__import__"] = real
