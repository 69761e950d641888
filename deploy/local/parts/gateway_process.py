"""The gateway as a part of the stack: configured only through its environment. Must not import the gateway."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.parts import probes
from deploy.local.parts.ports import LOOPBACK
from deploy.local.parts.shared_port import SharedPort
from deploy.local.process import orphans, process
from deploy.local.process.part import LeavesNothing, Part

PROJECT = Path(__file__).resolve().parents[3]
MADE_BY_THE_STACK = frozenset(
    f"CROSSRANK_{name}" for name in ("LISTEN", "METRICS_LISTEN", "POSTGRES_URL", "TRITON_URLS", "MODEL_REPOSITORY")
)
"""Settings that no environment changes: what a stack runs, and where, is in its plan."""

_TLS = "CROSSRANK_TLS_CERTIFICATE"


@dataclass(frozen=True, slots=True)
class GatewayProcess(LeavesNothing):
    """`python -m gateway`, told where PostgreSQL and Triton are at the moment of its start."""

    state_directory: Path
    port: int
    metrics_port: int
    model_repository: Path
    postgres: Part
    triton: Part
    name: str = "gateway"
    start_timeout_s: float = 60.0
    settings: Mapping[str, str] = field(default_factory=dict)
    """More of them, by variable."""

    shared: SharedPort | None = None
    """Where it is one of several behind its port."""

    @property
    def url(self) -> str:
        """host:port of the gRPC API."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self, log_file: Path) -> None:
        """What it needs was started before it, but for a port that it shares."""
        if self.shared:
            self.shared.reserve()

    def command(self) -> process.Command:
        """The serving process with the settings of this stack over those of the caller's environment."""
        return process.Command(
            arguments=(sys.executable, "-m", "gateway"),
            directory=self.state_directory / self.name,
            mark=orphans.mark(self.name, self.state_directory),
            environment={
                **self.settings,
                "CROSSRANK_LISTEN": self.url,
                "CROSSRANK_PROCESSES": str(self.shared.processes if self.shared else 1),
                "CROSSRANK_METRICS_LISTEN": f"{LOOPBACK}:{self.metrics_port}",
                "CROSSRANK_POSTGRES_URL": self.postgres.url,
                "CROSSRANK_TRITON_URLS": self.triton.url,
                "CROSSRANK_MODEL_REPOSITORY": str(self.model_repository),
            },
            search_paths={"PYTHONPATH": str(PROJECT)},
        )

    def probe(self, timeout_s: float) -> None:
        """SERVING, which the gateway reports while its golden pairs come out right. Behind a shared port anybody might
        answer, and behind TLS nobody without a trusted authority is answered: there its own metrics say so."""
        if self.shared or _TLS in self.settings:
            probes.probe_gateway_metrics(f"{LOOPBACK}:{self.metrics_port}", timeout_s=timeout_s)
        else:
            probes.probe_gateway(self.url, timeout_s=timeout_s)
