"""crossrank demo: real users before and after re-ranking, on the real parts. Must not ask or index anything itself."""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.catalog.index import PlaceChoice
from clients.command_line.shared import console
from clients.command_line.shared.access import Access
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.running_stack import running_stack
from clients.command_line.stack.demo_data import DemoData, ensure_indexed, read_movielens
from clients.command_line.stack.demo_run import Demo, demonstrate, memory_of
from clients.command_line.stack.demo_table import print_demo
from crossrank_client import CrossrankCallError
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.plan import Plan
from deploy.local.process.state import StackState
from gateway.telemetry.logs import configure_logging

_USERS = 3
_LEAST_LIKED = 20


@dataclass(frozen=True, slots=True)
class DemoChoice:
    """What to show."""

    user: Annotated[list[str] | None, typer.Option(help="Show this user of the data set; may be repeated.")] = None
    source: Annotated[
        Path | None, typer.Option("--from", help="Your own copy of MovieLens 100K. Default: downloaded once.")
    ] = None
    model_repository: Annotated[Path, typer.Option(help="Models that Triton loads.", exists=True, file_okay=False)] = (
        PROJECT_REPOSITORY
    )

    def users(self, data: DemoData) -> list[str]:
        """Whom to show. Raises CommandFailed for a user that the data set does not have."""
        if not self.user:
            return data.users(_USERS, _LEAST_LIKED)
        for one in self.user:
            if not data.liked(one):
                raise CommandFailed(
                    f"user {one!r} likes nothing in MovieLens 100K", remedy="--user 196", exit_code=ExitCode.USAGE
                )
        return self.user


@dataclass(slots=True)
class Clock:
    """Seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def end(self, phase: str) -> None:
        """Ends the phase that began when the one before ended."""
        now = time.monotonic()
        self.seconds[phase], self._began = round(now - self._began, 2), now


def demo(choice: DemoChoice, access: Access, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Recommend films to three real users, before and after re-ranking, on a real stack; then stop what was started.

    Exit code 3 when an answer was less than it could be.
    """
    configure_logging("error")  # standard output is the result's alone
    directory = (state_dir or stack.default_state_directory()).resolve()
    clock = Clock()
    with ExitStack() as started, remedy("crossrank logs gateway", CrossrankCallError):
        with console.progress_bar("starting", quiet=as_json) as advance:
            plan = Plan(model_repository=str(choice.model_repository.resolve()))
            opening = running_stack(directory, plan, on_change=lambda now: advance.describe(_progress(now)))
            state = started.enter_context(opening)
        clock.end("start")
        found = asyncio.run(_run(choice, access, state, directory, clock, quiet=as_json))
    clock.end("stop")
    _show(found, as_json)
    if any(user.reranked.degraded for user in found.users):
        console.leave(ExitCode.UNHEALTHY)


async def _run(
    choice: DemoChoice, access: Access, state: StackState, directory: Path, clock: Clock, *, quiet: bool
) -> Demo:
    data = read_movielens(directory, choice.source)
    users = choice.users(data)
    clock.end("read")
    settings = PlaceChoice(state_dir=directory).settings()
    async with access.client(state.part("gateway").url) as client:
        indexed = await ensure_indexed(data, client, settings, directory, partial(console.progress_bar, quiet=quiet))
        clock.end("index")
        shown = [await demonstrate(client, data, user_id) for user_id in users]
        clock.end("recommend")
        ranker = (await client.get_info()).ranker
    return Demo(shown, ranker, indexed, memory_of(state), clock.seconds)


def _show(found: Demo, as_json: bool) -> None:
    if as_json:
        console.print_json(found.document())
    else:
        print_demo(found)


def _progress(state: StackState) -> str:
    return "  ".join(f"{part.name} {part.status}" for part in state.parts) or "starting"
