"""What gateways keep in PostgreSQL, for commands that only read. Must not know what is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer

from clients.command_line.shared.console import StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.running_stack import running_url
from deploy.local import stack
from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError
from gateway.store.pool import Database
from gateway.telemetry.logs import configure_logging

READ_S = 10.0
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Stored:
    """Whose."""

    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = ""
    state_dir: StateDirectory = None

    def read(self, question: Callable[[Database, Budget], Awaitable[Found]]) -> Found:
        """The answer to one question to the database of the stack. Raises CommandFailed where it cannot be asked."""
        directory = self.state_dir or stack.default_state_directory()
        url = self.database_url or running_url(directory, "postgres", "--database-url")
        with remedy("crossrank status; the tables are made when a gateway of this version starts", CrossrankError):
            return asyncio.run(_ask(url, question))


async def _ask(url: str, question: Callable[[Database, Budget], Awaitable[Found]]) -> Found:
    configure_logging("error")  # standard output is the result's alone
    database = Database(url, connections=1)
    try:
        await database.open()
        return await question(database, Budget(READ_S))
    finally:
        await database.close()
