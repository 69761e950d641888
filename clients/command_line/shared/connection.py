"""Which service a command talks to, and its failures as message and remedy. Must not know what is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from clients.command_line.shared.console import CommandFailed, StateDirectory
from crossrank_client import (
    CrossrankCallError,
    CrossrankClient,
    CrossrankDeadlineExceeded,
    CrossrankNotFound,
    CrossrankOverloaded,
    CrossrankRequestInvalid,
    CrossrankUnavailable,
)
from deploy.local import stack

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Connection:
    """Options of every command that calls the service."""

    target: Annotated[str, typer.Option(help="The gateway's host:port. Default: the stack that runs here.")] = ""
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.001)] = 5.0
    state_dir: StateDirectory = None

    def ask(self, question: Callable[[CrossrankClient], Awaitable[Answer]]) -> Answer:
        """The service's answer. Raises CommandFailed."""
        target = self.target or running_gateway(self.state_dir)
        try:
            return asyncio.run(self._ask(target, question))
        except CrossrankCallError as error:
            raise CommandFailed(_message(error), remedy=_remedy(error, target)) from error

    async def _ask(self, target: str, question: Callable[[CrossrankClient], Awaitable[Answer]]) -> Answer:
        async with CrossrankClient(target, timeout_s=self.timeout_s) as client:
            return await question(client)


def running_gateway(state_directory: Path | None) -> str:
    """host:port of the gateway of the local stack. Raises CommandFailed when none runs."""
    state = stack.read_status(state_directory or stack.default_state_directory())
    for part in state.parts:
        if part.name == "gateway" and part.url and part.pid is not None:
            return part.url
    raise CommandFailed("no gateway runs here", remedy="crossrank up, or name one with --target host:port")


def _message(error: CrossrankCallError) -> str:
    if isinstance(error, CrossrankRequestInvalid) and error.violations:
        return "\n".join(f"{one.field}: {one.description}" for one in error.violations)
    return str(error)


def _remedy(error: CrossrankCallError, target: str) -> str:
    match error:
        case CrossrankUnavailable():
            return f"crossrank status · crossrank doctor · check that {target} is the gateway's address"
        case CrossrankDeadlineExceeded():
            return "a longer --timeout, or fewer candidates"
        case CrossrankOverloaded():
            return f"again in {error.retry_after_s or 1:g} s"
        case CrossrankNotFound():
            return "crossrank info lists models and candidate sources"
        case CrossrankRequestInvalid():
            return "the command's --help; crossrank info lists the limits"
    return "crossrank logs gateway"
