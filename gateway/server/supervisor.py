"""Several gateway processes behind one port: starts them, restarts what dies, stops them together. Serves nothing
itself and knows no settings but their number.

The kernel spreads connections over the processes (SO_REUSEPORT). Each is a whole gateway: its own cache, pool,
admission, verification and health. A worker stops when its input ends, so none outlives its supervisor.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from gateway.domain.address import Address, CannotListen

BAD_SETTINGS = 2
"""Exit code of a worker that no restart can help."""

SHORT_LIFE_S = 60.0
MOST_SHORT_LIVES = 5
"""A worker that ends so often in a row within that time ends the gateway: somebody must look."""

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

log = structlog.get_logger(__name__)


@contextmanager
def reserved(listen: str) -> Iterator[Address]:
    """Holds the address for processes that share it, and yields it with its port. Raises CannotListen when somebody
    else listens there, also when that one would share."""
    wanted = Address.parse(listen)
    try:
        shared = _bound(wanted)
    except OSError as error:
        remedy = "stop what listens there, or set CROSSRANK_LISTEN to a free address"
        raise CannotListen(listen, error.strerror or str(error), remedy) from error
    with shared:
        yield Address(wanted.host, shared.getsockname()[1])


def _bound(wanted: Address) -> socket.socket:
    family, kind, _, _, place = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(place)
        port = alone.getsockname()[1]
    shared = socket.socket(family, kind)
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((place[0], port, *place[2:]))
    except OSError:
        shared.close()
        raise
    return shared


@dataclass(slots=True)
class Supervisor:
    """Runs ``processes`` workers; ``command_of(number)`` starts the one of that number, from 0."""

    command_of: Callable[[int], Sequence[str]]
    processes: int
    _running: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _exit_code: int = 0

    async def run(self) -> int:
        """Until SIGTERM or SIGINT, which every worker gets as SIGTERM: it drains; a second one stops it at once.

        Returns 0 when all ended well, 2 when a worker refused its settings, 1 when one failed for good.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        try:
            await asyncio.gather(*(self._keep(number) for number in range(self.processes)))
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        return self._exit_code

    async def _keep(self, number: int) -> None:
        """One worker and its successors."""
        short_lives = 0
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self._run_once(number)
            if self._stop.is_set():
                self._exit_code = self._exit_code or int(code != 0)
                return
            short_lives = short_lives + 1 if time.monotonic() - started < SHORT_LIFE_S else 1
            log.warning("worker_ended", worker=number, exit_code=code, in_a_row=short_lives)
            if code == BAD_SETTINGS or short_lives >= MOST_SHORT_LIVES:
                self._exit_code = BAD_SETTINGS if code == BAD_SETTINGS else 1
                self._end()
                return
            await self._pause(min(_FIRST_PAUSE_S * 2 ** (short_lives - 1), _LONGEST_PAUSE_S))

    async def _run_once(self, number: int) -> int:
        # A group of its own: a terminal's interrupt must reach the workers once, through us.
        worker = await asyncio.create_subprocess_exec(
            *self.command_of(number), stdin=asyncio.subprocess.PIPE, process_group=0
        )
        log.info("worker_started", worker=number, pid=worker.pid)
        self._running[number] = worker
        if self._stop.is_set():
            worker.terminate()
        try:
            return await worker.wait()
        finally:
            del self._running[number]

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _end(self) -> None:
        self._stop.set()
        for worker in self._running.values():
            worker.terminate()


def worker_command(number: int, listen: Address) -> Sequence[str]:
    """A gateway that shares ``listen`` with others."""
    return (sys.executable, "-m", "gateway", "worker", str(number), str(listen))


@contextmanager
def ending_with_input() -> Iterator[None]:
    """While the block runs in a worker, the end of its input is a SIGTERM: the supervisor is gone."""
    loop, source = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(source, 1):
            loop.remove_reader(source)
            signal.raise_signal(signal.SIGTERM)

    loop.add_reader(source, read)
    try:
        yield
    finally:
        loop.remove_reader(source)
