"""Several processes behind one port: one may die at any time, all stop together, and none is left behind."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import pytest

from crossrank.v1 import ranking_pb2, ranking_pb2_grpc
from crossrank_client import CrossrankClient, User
from deploy.local.process.orphans import is_alive
from gateway.domain.address import Address, CannotListen
from gateway.server.supervisor import reserved

REQUEST = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u"))
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Supervised:
    """A supervisor, and the address that its workers share."""

    process: asyncio.subprocess.Process
    address: str

    def workers(self) -> list[psutil.Process]:
        return [one for one in psutil.Process(self.process.pid).children() if is_alive(one)]

    async def answer(self) -> None:
        """One call on a connection of its own, which waits until somebody listens."""
        async with grpc.aio.insecure_channel(self.address, options=OWN_CONNECTION) as channel:
            stub = ranking_pb2_grpc.RankingServiceStub(channel)
            assert len((await stub.Recommend(REQUEST, timeout=60, wait_for_ready=True)).items) == 2


@asynccontextmanager
async def supervised(processes: int, command: Sequence[str] = ()) -> AsyncIterator[Supervised]:
    arguments = (sys.executable, "-m", "tests.gateway.server.supervised", str(processes), *command)
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Supervised(process, (await process.stdout.readline()).decode().strip())
    finally:
        if process.returncode is None:
            process.kill()  # its workers end with it
        await process.communicate()


def listening(one: psutil.Process) -> bool:
    return any(connection.status == psutil.CONN_LISTEN for connection in one.net_connections("tcp"))


async def test_calls_go_on_when_a_process_is_killed_and_it_comes_back() -> None:
    async with supervised(2) as gateway:
        await until(lambda: len(gateway.workers()) == 2 and all(map(listening, gateway.workers())))
        victim, survivor = gateway.workers()
        over = asyncio.Event()

        async def calling() -> int:
            calls = 0
            async with CrossrankClient(gateway.address, timeout_s=20.0) as client:
                while not over.is_set():
                    assert len((await client.recommend(User("u"))).items) == 2
                    calls += 1
            return calls

        callers = [asyncio.create_task(calling()) for _ in range(4)]
        await gateway.answer()
        victim.kill()
        await asyncio.gather(*(gateway.answer() for _ in range(10)))
        await until(lambda: len(gateway.workers()) == 2 and all(map(listening, gateway.workers())))
        over.set()
        assert min(await asyncio.gather(*callers)) > 0
        assert survivor in gateway.workers()
        assert victim not in gateway.workers()


async def test_one_sigterm_drains_all_processes() -> None:
    async with supervised(2) as gateway:
        await until(lambda: len(gateway.workers()) == 2 and all(map(listening, gateway.workers())))
        workers = gateway.workers()
        async with grpc.aio.insecure_channel(gateway.address, options=OWN_CONNECTION) as channel:
            stub = ranking_pb2_grpc.RankingServiceStub(channel)
            await channel.channel_ready()  # calls that wait for a connection lose their order
            begun = [asyncio.ensure_future(stub.Recommend(REQUEST, timeout=60)) for _ in range(20)]
            stream = stub.RecommendStream(ranking_pb2.RecommendStreamRequest(context=REQUEST.context), timeout=60)
            await stream.read()  # on the same connection, after them: they have begun
            gateway.process.send_signal(signal.SIGTERM)
            assert [len(answer.items) for answer in await asyncio.gather(*begun)] == [2] * 20
        async with asyncio.timeout(60):
            assert await gateway.process.wait() == 0
        assert not any(map(is_alive, workers))


async def test_no_process_outlives_its_supervisor() -> None:
    async with supervised(2) as gateway:
        await until(lambda: len(gateway.workers()) == 2 and all(map(listening, gateway.workers())))
        workers = gateway.workers()
        gateway.process.kill()
        await until(lambda: not any(map(is_alive, workers)))


@pytest.mark.parametrize(("ends_with", "expected"), [(2, 2), (3, 1)])
async def test_a_worker_that_cannot_live_ends_the_gateway(ends_with: int, expected: int) -> None:
    script = f"echo started >&2; exit {ends_with}"
    async with supervised(1, ("/bin/sh", "-c", script)) as gateway, asyncio.timeout(60):
        assert await gateway.process.wait() == expected


async def test_a_worker_that_cannot_live_takes_the_others_with_it(tmp_path: Path) -> None:
    first = tmp_path / "first"
    script = f"mkdir {first} 2>/dev/null && exec sleep 600; exit 1"
    async with supervised(2, ("/bin/sh", "-c", script)) as gateway, asyncio.timeout(60):
        assert await gateway.process.wait() == 1


@pytest.mark.parametrize("shares", [0, 1])
def test_an_address_on_which_somebody_listens_is_not_shared_with_him(shares: int) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shares)
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(CannotListen, match=rf"'{taken}'.*in use.*CROSSRANK_LISTEN"), reserved(taken):
            pass


def test_a_reserved_address_has_a_port_that_nobody_else_gets() -> None:
    with reserved("127.0.0.1:0") as address:
        assert address == Address("127.0.0.1", address.port)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", address.port))
