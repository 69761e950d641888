"""Which service a command talks to. Must not know what is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from clients.command_line.shared.access import Access
from clients.command_line.shared.console import CommandFailed, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.running_stack import gateway_url
from crossrank_client import CrossrankClient, CrossrankUnavailable

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Connection(Access):
    """Options of every command that asks the service."""

    target: Annotated[str, typer.Option(help="The gateway's host:port. Default: the stack that runs here.")] = ""
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.", min=0.001)] = 5.0
    state_dir: StateDirectory = None

    def ask(self, question: Callable[[CrossrankClient], Awaitable[Answer]]) -> Answer:
        """The service's answer. Raises CrossrankCallError, or CommandFailed when there is nobody to ask."""
        target = self.target or running_gateway(self.state_dir)
        advice = f"crossrank status · crossrank doctor · check that {target} is the gateway's address"
        with remedy(advice, CrossrankUnavailable):
            return asyncio.run(self._ask(target, question))

    async def _ask(self, target: str, question: Callable[[CrossrankClient], Awaitable[Answer]]) -> Answer:
        async with self.client(target, self.timeout_s) as client:
            return await question(client)


def running_gateway(state_directory: Path | None) -> str:
    """host:port of the gateway of the local stack. Raises CommandFailed when none runs."""
    if url := gateway_url(state_directory):
        return url
    raise CommandFailed("no gateway runs here", remedy="crossrank up, or name one with --target host:port")
