"""One table from an error to what a person reads and what a shell sees. Must not know any command."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.packages import is_missing_package
from crossrank_client import (
    CrossrankCallError,
    CrossrankDeadlineExceeded,
    CrossrankDenied,
    CrossrankNotFound,
    CrossrankOverloaded,
    CrossrankRequestInvalid,
    CrossrankUnavailable,
)
from deploy.local.errors import LocalStackError
from gateway.domain.errors import CrossrankError
from training.errors import NoAccelerator, TrainingError
from training.release.errors import NotServed

_OWN = "{own}"
REMEDIES: Mapping[type[Exception], str] = {
    LocalStackError: _OWN,
    TrainingError: _OWN,
    CrossrankError: "crossrank doctor, then {command} again",
    CrossrankCallError: "crossrank logs gateway",
    CrossrankUnavailable: "crossrank status · crossrank doctor",
    CrossrankDeadlineExceeded: "a longer --timeout, or fewer candidates",
    CrossrankOverloaded: "again in {wait_s:g} s",
    CrossrankDenied: "show a credential of a caller that may: --token-file, or --tls-cert with --tls-key",
    CrossrankNotFound: "crossrank info lists models and candidate sources",
    CrossrankRequestInvalid: "the command's --help; crossrank info lists the limits",
    ModuleNotFoundError: 'make .venv/.dev, or pip install -e ".[local,load,train]"',
}
"""The next step after an error, that of its nearest class. ``{own}`` is what the error itself advises."""

UNHEALTHY = (NotServed, NoAccelerator)
"""Errors that say that a part of the machine does not work; all others are ordinary failures."""


def failure_of(fault: Exception, command: str) -> CommandFailed | None:
    """An error that ``command`` raised, as it is told; None when nobody foresaw it."""
    if isinstance(fault, CommandFailed):
        return fault
    remedy = next((REMEDIES[kind] for kind in type(fault).__mro__ if kind in REMEDIES), None)
    if remedy is None or (isinstance(fault, ModuleNotFoundError) and not is_missing_package(fault)):
        return None
    wait_s = getattr(fault, "retry_after_s", None) or 1
    text = remedy.format(own=getattr(fault, "remedy", ""), command=command, wait_s=wait_s)
    exit_code = ExitCode.UNHEALTHY if isinstance(fault, UNHEALTHY) else ExitCode.FAILURE
    return CommandFailed(message_of(fault), remedy=text, exit_code=exit_code)


def message_of(fault: Exception) -> str:
    """What went wrong, without what to do about it; of a request, all its faults, one a line."""
    if isinstance(fault, ModuleNotFoundError):
        return f"a package is missing: {fault.name}"
    violations = getattr(fault, "violations", ())
    if violations:
        return "\n".join(f"{one.field}: {one.description}" for one in violations)
    return fault.message if isinstance(fault, TrainingError) else str(fault)


@contextmanager
def remedy(text: str, *errors: type[Exception], what: str = "") -> Iterator[None]:
    """Advises ``text`` after these errors of a block, instead of what the table says; ``what`` did not come about."""
    try:
        yield
    except errors as fault:
        raise CommandFailed(what + message_of(fault), remedy=text) from fault
