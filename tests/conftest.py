"""Real servers for the tests: one PostgreSQL per session with a fresh database per module, and Triton servers, one per
model repository asked for. Everything ends with the session. With --fast none of them starts: tests/lanes.py."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from deploy.local.parts.ports import free_port, free_ports
from deploy.local.parts.postgres import DATABASE, Postgres
from deploy.local.parts.redis_server import RedisServer
from deploy.local.parts.triton import PROJECT_REPOSITORY, Triton
from deploy.local.plan import Plan
from deploy.local.process.part import RunningPart
from deploy.local.stack import LocalStack
from gateway.domain.budget import Budget
from gateway.store.pool import Database
from gateway.store.schema import apply_schema
from tests.lanes import Lanes, guard
from tests.paths import ROOT

LANES = Lanes(ROOT)
TABLES = (
    "items",
    "item_numbers",
    "interactions",
    "item_popularity",
    "item_relations",
    "item_signals",
    "signals_version",
    "rankers",
    "impressions",
    "shadow_comparisons",
)
"""All of gateway/store/schema.sql but the version of it."""
StartTriton = Callable[[Path], str]
Tritons = dict[str, Triton]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only tests without servers and without slow libraries")


def pytest_configure(config: pytest.Config) -> None:
    shares_out = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
    if config.getoption("fast") and not shares_out:  # who only shares the tests out runs none, and starts the workers
        guard()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.getoption("fast"):
        return None
    file = collection_path / "conftest.py" if collection_path.is_dir() else collection_path
    return True if LANES.slow_because(file) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("fast"):
        servers = LANES.server_fixtures()
        slow = [item for item in items if item.get_closest_marker("whole") or servers & set(_fixtures(item))]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPart]:
    """A PostgreSQL with pgvector that lives as long as the test session."""
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(directory, free_port(), durable=False)
    with RunningPart(server, state_directory=directory) as running:
        yield running


@pytest.fixture(scope="module")
def postgres(postgres_server: RunningPart) -> Iterator[str]:
    """The URL of an empty database that only this test module uses."""
    url = postgres_server.part.url
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"{url.removesuffix(DATABASE)}{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
async def _tables(postgres: str) -> AsyncIterator[Database]:
    database = Database(postgres, connections=4)
    await database.open()
    await apply_schema(database, Budget(30))
    yield database
    await database.close()


@pytest.fixture
async def database(_tables: Database) -> Database:
    """The module's database with our schema, all tables empty."""
    await _tables.execute(f"TRUNCATE {', '.join(TABLES)}", [], Budget(30))
    return _tables


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that lives as long as the test session; whoever needs it empty empties it."""
    directory = tmp_path_factory.mktemp("redis")
    with RunningPart(RedisServer(directory, free_port()), state_directory=directory) as running:
        yield running.part.url


@pytest.fixture(scope="session")
def tritons() -> Tritons:
    """By address, those that ``start_triton`` started."""
    return {}


@pytest.fixture(scope="session")
def start_triton(tmp_path_factory: pytest.TempPathFactory, tritons: Tritons) -> Iterator[StartTriton]:
    """Starts a real Triton on a model repository and returns its gRPC address; the same one for the same repository."""
    addresses: dict[Path, str] = {}
    with ExitStack() as servers:

        def start(model_repository: Path) -> str:
            repository = model_repository.resolve()
            if repository not in addresses:
                directory = tmp_path_factory.mktemp("triton")
                port, metrics_port = free_ports(2)
                part = Triton(directory, port, metrics_port, model_repository=repository)
                servers.enter_context(RunningPart(part, state_directory=directory))
                addresses[repository], tritons[part.url] = part.url, part
            return addresses[repository]

        yield start


@pytest.fixture(scope="session")
def triton(start_triton: StartTriton) -> str:
    """The gRPC address of a Triton that serves the project's own models."""
    return start_triton(PROJECT_REPOSITORY)


@pytest.fixture(scope="module")
def own_gateway(postgres: str, triton: str, tritons: Tritons) -> Plan:
    """A stack of a gateway alone, on the PostgreSQL and the Triton of the test session."""
    return Plan(postgres_url=postgres, triton_url=triton, triton_key_file=str(tritons[triton].key_file))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole stack, supervised: PostgreSQL, Triton with the project's own models, and the gateway."""
    with LocalStack(tmp_path_factory.mktemp("stack")) as running:
        yield running
