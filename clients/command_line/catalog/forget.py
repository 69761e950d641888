"""crossrank forget: deletes what users did and were shown. Must not know what was learned of it."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.running_stack import running_url
from deploy.local import stack
from gateway.domain.errors import CrossrankError
from gateway.store.pool import Database
from gateway.store.retention import Forgotten, PostgresRetention
from gateway.telemetry.logs import configure_logging


def forget(
    user: Annotated[str, typer.Option(help="Interactions and impressions of this user.")] = "",
    older_than_days: Annotated[
        int, typer.Option(help="Interactions, impressions and comparisons that are older.", min=0, max=36_500)
    ] = 0,
    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = "",
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Delete what one user did and was shown, or everything that is older than some days. It cannot be undone.

    Popularity and relations between items hold no names and stay until `crossrank index` makes them anew.
    """
    if bool(user) == bool(older_than_days):
        raise CommandFailed(
            "what is to be forgotten is not clear",
            remedy="give one of --user and --older-than-days",
            exit_code=ExitCode.USAGE,
        )
    configure_logging("error")  # standard output is the result's alone
    url = database_url or running_url(state_dir or stack.default_state_directory(), "postgres", "--database-url")
    with remedy("crossrank status; run the same command again, what is deleted stays deleted", CrossrankError):
        found = asyncio.run(_forget(url, user, older_than_days))
    if as_json:
        console.print_json(asdict(found))
    else:
        console.print_table(("", "rows deleted"), [(name, f"{rows:,}") for name, rows in asdict(found).items()])


async def _forget(url: str, user: str, days: int) -> Forgotten:
    async with Database(url, connections=1) as database:
        retention = PostgresRetention(database)
        return await (retention.forget_user(user) if user else retention.forget_older(days))
