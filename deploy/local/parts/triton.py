"""A Triton server for one machine: loopback gRPC only, Python workers whose shared memory is recognisable. Must not
know which models it serves."""

from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import StartFailed
from deploy.local.parts import shared_memory, triton_control
from deploy.local.parts.ports import LOOPBACK
from deploy.local.parts.triton_binary import find_triton
from deploy.local.parts.triton_probe import TritonProbe
from deploy.local.process import orphans, process

PROJECT_REPOSITORY = Path(__file__).resolve().parents[3] / "model_repository"
_EXIT_TIMEOUT_S = 5


@dataclass(frozen=True)
class Triton:
    """Serves every model of `model_repository` on the loopback interface. Loading, unloading and the rest of Triton's
    control need the key of `key_file`."""

    state_directory: Path
    port: int
    metrics_port: int
    model_repository: Path = PROJECT_REPOSITORY
    name: str = "triton"
    start_timeout_s: float = 90.0
    _probe: TritonProbe = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_probe", TritonProbe(self.url, self.key_file))

    @property
    def url(self) -> str:
        """host:port of the gRPC endpoint."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def key_file(self) -> Path:
        """What whoever may load and unload models has to show."""
        return self.state_directory / self.name / triton_control.KEY_FILE

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would scrape."""
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"

    def prepare(self, log_file: Path) -> None:
        """A new key. Refuses a repository without models: Triton would start and serve nothing."""
        del log_file
        if not any(self.model_repository.glob("*/config.pbtxt")):
            raise StartFailed(
                f"no model in {self.model_repository}: expected folders with a config.pbtxt",
                remedy="give --model-repository, or export a model first",
            )
        triton_control.make_key(self.key_file)

    def command(self) -> process.Command:
        """tritonserver without HTTP: its HTTP side lets anybody unload models, and had remote code execution."""
        directory = self.state_directory / self.name
        binary = find_triton(directory)
        return process.Command(
            arguments=(str(binary.executable), *binary.options, *self._options()),
            directory=directory,
            mark=orphans.mark(self.name, self.state_directory),
            search_paths=binary.search_paths,
        )

    def probe(self, timeout_s: float) -> None:
        """An inference on each model."""
        self._probe.check(timeout_s)

    def clean_up(self) -> None:
        """Removes the shared memory of killed workers."""
        shared_memory.remove_regions(self.state_directory)

    def _options(self) -> tuple[str, ...]:
        prefix = shared_memory.prefix(self.state_directory)
        return (
            f"--model-repository={self.model_repository}",
            "--model-control-mode=explicit",
            "--load-model=*",
            "--allow-http=false",
            f"--grpc-address={LOOPBACK}",
            f"--grpc-port={self.port}",
            f"--metrics-address={LOOPBACK}",
            f"--metrics-port={self.metrics_port}",
            f"--backend-config=python,shm-region-prefix-name={prefix}",
            f"--exit-timeout-secs={_EXIT_TIMEOUT_S}",
            triton_control.restriction(self.key_file),
            "--exit-on-error=false",  # a model that cannot be loaded takes no other one with it
        )
