"""Which parts a stack consists of, where they listen, and the parts themselves. Must not start them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

from deploy.local.errors import LocalStackError
from deploy.local.parts import probes
from deploy.local.parts.external import External
from deploy.local.parts.gateway_process import GatewayProcess
from deploy.local.parts.ports import free_port
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.triton import PROJECT_REPOSITORY, Triton
from deploy.local.parts.triton_probe import TritonProbe
from deploy.local.process.part import Part
from gateway.domain.files import replace_json

PARTS = ("postgres", "triton", "gateway")
USUAL_PORTS = {"postgres": 5433, "triton": 8001, "triton_metrics": 8002, "gateway": 50051, "gateway_metrics": 9090}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. An empty URL means "run it here"."""

    parts: tuple[str, ...] = PARTS
    model_repository: str = str(PROJECT_REPOSITORY)
    postgres_url: str = ""
    triton_url: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    ports_at_random: bool = False

    def __post_init__(self) -> None:
        unknown = set(self.parts) - set(PARTS)
        if unknown or not self.parts:
            raise LocalStackError(
                f"unknown parts {sorted(unknown)}", remedy=f"choose one or more of {', '.join(PARTS)}"
            )
        if "gateway" in self.parts and not {"postgres", "triton"} <= set(self.parts):
            raise LocalStackError(
                f"the gateway cannot run with only {', '.join(self.parts)}",
                remedy="add postgres and triton, or give --postgres-url and --triton-url",
            )

    def with_ports(self, preferred: Mapping[str, int]) -> "Plan":
        """The same plan with a port for everything: the preferred one where it is free, else any."""
        ports: dict[str, int] = {}
        for name in USUAL_PORTS:
            port = free_port(preferred.get(name))
            while port in ports.values():
                port = free_port()
            ports[name] = port
        return replace(self, ports=ports)

    def save(self, file: Path) -> None:
        """Writes it where the supervisor looks for it; closed to others, a URL may hold a password."""
        replace_json(file, asdict(self), mode=0o600)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a saved plan."""
        fields = json.loads(file.read_text())
        return cls(**{**fields, "parts": tuple(fields["parts"])})


def build_parts(plan: Plan, state_directory: Path) -> list[Part]:
    """The parts of `plan`, those first that others need."""
    postgres, triton = _postgres(plan, state_directory), _triton(plan, state_directory)
    gateway = GatewayProcess(
        state_directory,
        plan.ports["gateway"],
        plan.ports["gateway_metrics"],
        Path(plan.model_repository),
        postgres=postgres,
        triton=triton,
    )
    every: Sequence[Part] = (postgres, triton, gateway)
    return [part for part in every if part.name in plan.parts]


def _postgres(plan: Plan, state_directory: Path) -> Part:
    if not plan.postgres_url:
        return Postgres(state_directory, plan.ports["postgres"])
    check: Callable[[float], None] = partial(_ask_postgres, plan.postgres_url)
    return External("postgres", plan.postgres_url, check)


def _ask_postgres(url: str, timeout_s: float) -> None:
    probes.probe_postgres(url, timeout_s=timeout_s)


def _triton(plan: Plan, state_directory: Path) -> Part:
    if not plan.triton_url:
        repository = Path(plan.model_repository)
        return Triton(state_directory, plan.ports["triton"], plan.ports["triton_metrics"], repository)
    return External("triton", plan.triton_url, TritonProbe(plan.triton_url).check)
