"""A gateway that starts while PostgreSQL is away: it listens, says what is missing, and serves when that is there."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import psycopg
import pytest

from crossrank.v1 import catalog_pb2, catalog_pb2_grpc, ranking_pb2, ranking_pb2_grpc
from deploy.local.parts.ports import LOOPBACK, free_port, free_ports
from deploy.local.parts.postgres import Postgres
from deploy.local.process.part import RunningPart
from gateway.app import run
from gateway.settings import read_settings
from gateway.store.schema import SCHEMA_VERSION, SchemaTooNew
from tests.paths import MODEL_REPOSITORY

LONG_S = 60.0
ITEM = catalog_pb2.GetItemsRequest(item_ids=["none"])


@asynccontextmanager
async def started(postgres_url: str) -> AsyncIterator[tuple[grpc.aio.Channel, asyncio.Task[None]]]:
    """A gateway of this process, without Triton, and a channel to it."""
    port, triton_port = free_ports(2)
    settings = {
        "CROSSRANK_LISTEN": f"{LOOPBACK}:{port}",
        "CROSSRANK_METRICS_LISTEN": "",
        "CROSSRANK_POSTGRES_URL": postgres_url,
        "CROSSRANK_TRITON_URLS": f"{LOOPBACK}:{triton_port}",
        "CROSSRANK_MODEL_REPOSITORY": str(MODEL_REPOSITORY),
    }
    running = asyncio.create_task(run(read_settings(settings)))
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        try:
            yield channel, running
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError, SchemaTooNew):
                await running


@pytest.fixture
def away(tmp_path: Path) -> Iterator[RunningPart]:
    """A PostgreSQL that was stopped."""
    with RunningPart(Postgres(tmp_path, free_port(), durable=False), state_directory=tmp_path) as server:
        server.stop()
        yield server


async def info(channel: grpc.aio.Channel) -> ranking_pb2.GetInfoResponse:
    stub = ranking_pb2_grpc.RankingServiceStub(channel)
    return await stub.GetInfo(ranking_pb2.GetInfoRequest(), timeout=LONG_S, wait_for_ready=True)


async def test_it_listens_without_postgresql_and_serves_once_that_is_there_with_tables(
    away: RunningPart,
) -> None:
    async with started(away.part.url) as (channel, running):
        assert (await info(channel)).candidate_sources
        catalog = catalog_pb2_grpc.CatalogServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await catalog.GetItems(ITEM, timeout=0.5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(away.start)
        await asyncio.to_thread(away.wait_until_ready)
        async with asyncio.timeout(LONG_S):
            while True:
                with suppress(grpc.aio.AioRpcError):
                    found = await catalog.GetItems(ITEM, timeout=0.5)
                    break
        assert list(found.unknown_item_ids) == ["none"]
        assert not running.done()


async def test_it_ends_on_a_database_of_a_newer_version(postgres: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute("CREATE TABLE schema_version (version integer)")
        await connection.execute("INSERT INTO schema_version VALUES (%s)", [SCHEMA_VERSION + 1])
    async with started(postgres) as (_, running), asyncio.timeout(LONG_S):
        with pytest.raises(SchemaTooNew, match="upgrade crossrank"):
            await running
