"""Which parts a stack consists of, where they listen, and the parts themselves. Must not start them."""

import json
from collections.abc import Mapping
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
from deploy.local.parts.shared_port import SharedPort
from deploy.local.parts.triton import PROJECT_REPOSITORY, Triton
from deploy.local.parts.triton_control import KEY_FILE
from deploy.local.parts.triton_probe import TritonProbe
from deploy.local.process.part import Part
from gateway.domain.files import replace_json

GATEWAY = "gateway"
PARTS = ("postgres", "triton", GATEWAY)
USUAL_PORTS = {"postgres": 5433, "triton": 8001, "triton_metrics": 8002, "gateway": 50051, "gateway_metrics": 9090}

_DEFAULT = "the default"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. An empty URL means "run it here"."""

    parts: tuple[str, ...] = PARTS
    model_repository: str = str(PROJECT_REPOSITORY)
    postgres_url: str = ""
    triton_url: str = ""
    triton_key_file: str = ""
    """Of a Triton that somebody else runs, where its control is restricted."""
    ports: dict[str, int] = field(default_factory=dict)
    ports_at_random: bool = False
    gateways: int = 1
    """Gateway processes behind one port."""
    settings: dict[str, str] = field(default_factory=dict)
    """Of the gateway, by variable: those that were not the default."""

    def __post_init__(self) -> None:
        unknown = set(self.parts) - set(PARTS)
        if unknown or not self.parts:
            raise LocalStackError(
                f"unknown parts {sorted(unknown)}", remedy=f"choose one or more of {', '.join(PARTS)}"
            )
        if GATEWAY in self.parts and not {"postgres", "triton"} <= set(self.parts):
            raise LocalStackError(
                f"the gateway cannot run with only {', '.join(self.parts)}",
                remedy="add postgres and triton, or give --postgres-url and --triton-url",
            )

    def with_ports(self, preferred: Mapping[str, int]) -> "Plan":
        """The same plan with a port for everything: the preferred one where it is free, else any. Several gateways
        have their metrics at ports in a row."""
        ports: dict[str, int] = {}
        for name in USUAL_PORTS:
            names = [f"{one}_metrics" for one in self.gateway_names] if name == "gateway_metrics" else [name]
            first = free_port(preferred.get(name), len(names))
            while not set(range(first, first + len(names))).isdisjoint(ports.values()):
                first = free_port(None, len(names))
            ports |= {one: first + number for number, one in enumerate(names)}
        return replace(self, ports=ports)

    @property
    def gateway_names(self) -> list[str]:
        """One for each process."""
        return [GATEWAY, *(f"{GATEWAY}-{number}" for number in range(2, self.gateways + 1))]

    def differences(self, other: "Plan") -> list[str]:
        """What the other plan has otherwise, but for ports that were chosen; without passwords."""
        ours, theirs = self._told(), other._told()
        return [
            f"{name}: {ours.get(name, _DEFAULT)}, not {theirs.get(name, _DEFAULT)}"
            for name in sorted({*ours, *theirs})
            if ours.get(name) != theirs.get(name)
        ]

    def _told(self) -> dict[str, str]:
        options = {
            "--part": " ".join(self.parts),
            "--model-repository": self.model_repository,
            "--postgres-url": self.postgres_url,
            "--triton-url": self.triton_url,
            "--triton-key-file": self.triton_key_file,
        }
        given = {name: value for name, value in options.items() if value} | self.settings
        return {name: probes.without_password(value) for name, value in given.items()}

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
    servers = (_postgres(plan, state_directory), _triton(plan, state_directory))
    gateways = _gateways(plan, state_directory, *servers) if GATEWAY in plan.parts else []
    return [*(part for part in servers if part.name in plan.parts), *gateways]


def _gateways(plan: Plan, state_directory: Path, postgres: Part, triton: Part) -> list[Part]:
    port, repository = plan.ports[GATEWAY], Path(plan.model_repository)
    shared = SharedPort(port, plan.gateways) if plan.gateways > 1 else None
    return [
        GatewayProcess(
            state_directory,
            port,
            plan.ports[f"{name}_metrics"],
            repository,
            postgres=postgres,
            triton=triton,
            name=name,
            shared=shared,
            settings=plan.settings,
        )
        for name in plan.gateway_names
    ]


def _postgres(plan: Plan, state_directory: Path) -> Part:
    if not plan.postgres_url:
        return Postgres(state_directory, plan.ports["postgres"])
    return External("postgres", plan.postgres_url, partial(probes.probe_postgres, plan.postgres_url))


def triton_key(plan: Plan, state_directory: Path) -> Path:
    """The file with the key to Triton's control; one that does not exist where there is none."""
    return Path(plan.triton_key_file) if plan.triton_url else state_directory / "triton" / KEY_FILE


def _triton(plan: Plan, state_directory: Path) -> Part:
    if not plan.triton_url:
        repository = Path(plan.model_repository)
        return Triton(state_directory, plan.ports["triton"], plan.ports["triton_metrics"], repository)
    return External("triton", plan.triton_url, TritonProbe(plan.triton_url, triton_key(plan, state_directory)).check)
