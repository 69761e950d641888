"""Triton alone, or PostgreSQL, Triton and the gateway, for as long as a block lasts; no supervisor beside them, which
would be measured too. Must not send load."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.parts.gateway_process import GatewayProcess
from deploy.local.parts.ports import LOOPBACK, free_ports
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.triton import Triton
from deploy.local.process.part import Part, RunningPart

PATIENT = {
    "CROSSRANK_DEFAULT_DEADLINE_S": "60",
    "CROSSRANK_MAX_DEADLINE_S": "60",
    "CROSSRANK_MAX_TOKENS_IN_FLIGHT": "10000000",
}
"""Settings that differ from the defaults: nothing is refused or left unscored, so that capacity can be measured."""


@dataclass(frozen=True, slots=True)
class Served:
    """What runs: where it is reached, and the processes whose trees it consists of."""

    postgres_url: str
    triton: Triton
    gateway_url: str
    metrics_address: str
    gateway_pid: int
    pids: tuple[int, ...]


@contextmanager
def triton_alone(folder: Path, repository: Path) -> Iterator[tuple[Triton, int]]:
    """A Triton on the repository and its process id. Raises LocalStackError."""
    port, metrics_port = free_ports(2)
    triton = Triton(folder, port, metrics_port, repository)
    with RunningPart(triton, state_directory=folder) as running:
        yield triton, _pid(running)


@contextmanager
def served_stack(folder: Path, repository: Path, settings: Mapping[str, str]) -> Iterator[Served]:
    """The whole stack; its data stay in the folder. Raises LocalStackError."""
    ports = free_ports(5)
    postgres = Postgres(folder, ports[0])
    triton = Triton(folder, ports[1], ports[2], repository)
    gateway = GatewayProcess(folder, ports[3], ports[4], repository, postgres, triton, settings=settings)
    parts: tuple[Part, ...] = (postgres, triton, gateway)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as opened:
        running = [opened.enter_context(RunningPart(part, state_directory=folder)) for part in parts]
        metrics_address = f"{LOOPBACK}:{gateway.metrics_port}"
        pids = tuple(_pid(one) for one in running)
        yield Served(postgres.url, triton, gateway.url, metrics_address, pids[-1], pids)


def _pid(running: RunningPart) -> int:
    if running.pid is None:
        raise ValueError(f"{running.part.name} is not ours: its cost cannot be measured")
    return running.pid
