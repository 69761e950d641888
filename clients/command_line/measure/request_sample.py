"""Requests of real users from the stack's catalogue; of MovieLens 100K, indexed first, when nobody is. Must not send
them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from clients.command_line.catalog.index import PlaceChoice
from clients.command_line.shared import console
from clients.command_line.shared.failures import remedy
from clients.command_line.stack.demo_data import ensure_indexed, read_movielens
from clients.load.sample.pairs import NothingIndexed, Place
from crossrank_client import CrossrankCallError, CrossrankClient
from deploy.local.plan import Plan
from deploy.local.process.state import StackState
from gateway.domain.errors import CrossrankError

Sample = TypeVar("Sample")


def model_repository(directory: Path) -> Path:
    """What the stack's Triton serves."""
    return Path(Plan.load(directory / "plan.json").model_repository)


def sampled(directory: Path, state: StackState, take: Callable[[Place], Awaitable[Sample]]) -> Sample:
    """What `take` returns. Raises CommandFailed, or TrainingError for data that cannot be read."""
    place = Place(state.part("gateway").url, state.part("postgres").url, model_repository(directory) / "cross_encoder")
    with remedy("crossrank doctor", CrossrankCallError, CrossrankError, what="no pairs to send: "):
        return asyncio.run(_take(directory, place, take))


async def _take(directory: Path, place: Place, take: Callable[[Place], Awaitable[Sample]]) -> Sample:
    try:
        return await take(place)
    except NothingIndexed:
        console.say("nothing is indexed yet: MovieLens 100K is")
    data = read_movielens(directory, None)
    async with CrossrankClient(place.gateway) as client:
        settings = PlaceChoice(state_dir=directory).settings()
        await ensure_indexed(data, client, settings, directory, console.progress_bar)
    return await take(place)
