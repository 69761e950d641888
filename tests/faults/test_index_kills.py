"""kill -9 in the middle of an index run: it goes on, or the next run does, and nothing is missing or twice."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from clients.command_line.catalog.index import PlaceChoice
from clients.command_line.catalog.table_index import ITEM_BATCHES, IndexCounts, index_tables, open_parts
from deploy.local.plan import Plan
from deploy.local.stack import LocalStack
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.progress import Advance
from gateway.domain.values import Interaction, Item
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.e2e.catalogue import invented_interactions, invented_items
from tests.fakes.catalogues import START
from tests.paths import ROOT
from training.data.tables import InteractionRow, ItemRow, Tables, write_tables

CATALOGUE = invented_items(400)
ITEMS = [Item(item.item_id, item.fields) for item in CATALOGUE]
INTERACTIONS = [
    Interaction(one.user_id, one.item_id, one.event, 1.0, one.time or START) for one in invented_interactions(CATALOGUE)
]
BUDGET_S = 30.0


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[LocalStack]:
    """PostgreSQL and Triton with an empty catalogue, supervised."""
    with LocalStack(tmp_path / "stack", Plan(parts=("postgres", "triton"))) as running:
        yield running


def kill_triton(stack: LocalStack) -> None:
    _kill(stack.status().part("triton").pid)


def kill_worker(stack: LocalStack) -> None:
    """The process that computes the vectors."""
    for process in psutil.Process(stack.status().part("triton").pid).children(recursive=True):
        if "bi_encoder" in " ".join(process.cmdline()):
            _kill(process.pid)
            return
    raise LookupError("Triton has no worker for the bi-encoder")


def kill_postgres(stack: LocalStack) -> None:
    _kill(stack.status().part("postgres").pid)


def _kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


class KillingBars:
    """Progress that kills when the first batch of items is stored."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self.killed = False

    @contextmanager
    def __call__(self, title: str, total: int | None) -> Iterator[Advance]:
        yield self._advance

    def _advance(self, done: int) -> None:
        if not self.killed:
            self.killed = True
            self._kill()


async def index(stack: LocalStack, bars: KillingBars) -> IndexCounts:
    async with open_parts(PlaceChoice(state_dir=stack.state_directory).settings()) as parts:
        return await index_tables(ITEMS, INTERACTIONS, parts, bars)


async def stored_ids(stack: LocalStack) -> set[str]:
    database = Database(stack.status().part("postgres").url, connections=1)
    await database.open()
    try:
        return set(await PostgresItemStore(database).get([item.item_id for item in ITEMS], Budget(BUDGET_S)))
    finally:
        await database.close()


@pytest.mark.parametrize("kill", [kill_triton, kill_worker], ids=lambda kill: str(kill.__name__))
async def test_a_run_outlives_the_restart_of_its_model(fragile: LocalStack, kill: Callable[[LocalStack], None]) -> None:
    bars = KillingBars(lambda: kill(fragile))
    counts = await index(fragile, bars)
    assert bars.killed
    assert counts.items.inserted == len(ITEMS) == counts.embedded
    assert counts.interactions.recorded == len(INTERACTIONS)
    assert await stored_ids(fragile) == {item.item_id for item in ITEMS}


async def test_a_killed_database_ends_a_run_at_most_and_the_next_one_stores_the_rest(fragile: LocalStack) -> None:
    bars = KillingBars(lambda: kill_postgres(fragile))
    with suppress(StoreUnavailable):  # raised by whoever asks before the death is noticed
        await index(fragile, bars)
    assert bars.killed
    counts = await index(fragile, KillingBars(lambda: None))
    assert counts.items.unchanged >= ITEM_BATCHES.items, "what was stored before the kill stays stored"
    assert counts.items.inserted + counts.items.unchanged == len(ITEMS)
    assert counts.interactions.recorded + counts.interactions.unchanged == len(INTERACTIONS)
    assert await stored_ids(fragile) == {item.item_id for item in ITEMS}


async def test_after_a_killed_run_the_next_one_stores_the_rest(fragile: LocalStack, tmp_path: Path) -> None:
    rows = [InteractionRow(one.user_id, one.item_id, one.event, one.weight, one.time) for one in INTERACTIONS]
    write_tables(tmp_path, Tables([ItemRow(item.item_id, item.fields) for item in ITEMS], rows))
    given = ("--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv")
    command = [sys.executable, "-m", "clients.command_line.main", "index", *map(str, given)]
    run = await asyncio.create_subprocess_exec(*command, "--state-dir", str(fragile.state_directory), cwd=ROOT)
    try:
        before = await wait_for_items(fragile, run)
    finally:
        run.kill()
        await run.wait()
    counts = await index(fragile, KillingBars(lambda: None))
    assert counts.items.unchanged >= before > 0
    assert counts.items.inserted + counts.items.unchanged == len(ITEMS)
    assert counts.embedded == counts.items.inserted < len(ITEMS)
    assert counts.interactions.recorded + counts.interactions.unchanged == len(INTERACTIONS)
    assert await stored_ids(fragile) == {item.item_id for item in ITEMS}


async def wait_for_items(stack: LocalStack, run: asyncio.subprocess.Process) -> int:
    """How many items are stored when the first batch is; the run must still be at work."""
    database = Database(stack.status().part("postgres").url, connections=1)
    await database.open()
    deadline = time.monotonic() + 60.0
    try:
        while time.monotonic() < deadline and run.returncode is None:
            exists = await database.fetch("SELECT to_regclass('items') IS NOT NULL", [], Budget(BUDGET_S))
            if exists == [(True,)]:
                [(found,)] = await database.fetch("SELECT count(*) FROM items", [], Budget(BUDGET_S))
                if found:
                    return int(found)
    finally:
        await database.close()
    raise AssertionError(f"no item was stored; the run ended with {run.returncode}")
