"""The real perf_analyzer against a real gateway through its open inference façade: lists of one length, never the same
list twice, counted by the gateway itself, and nothing left behind."""

from pathlib import Path

import psycopg
import pytest

from clients.load.perf_analyzer.binary import find_perf_analyzer
from clients.load.perf_analyzer.list_inputs import ListRequest
from clients.load.sample.gateway_counts import read_counts
from clients.load.sample.own_gateway import DEADLINE_S, OwnGateway, own_gateway
from clients.load.sweep.subjects import BATCH_PAIRS, callers, gateway_subject
from clients.load.sweep.sweep import Steps, TargetSweeper
from crossrank_client import CrossrankClient
from deploy.local.errors import LocalStackError, StartFailed
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.release.repository.triton_config import ServingOptions


def lists(count: int, items: int = 4) -> list[ListRequest]:
    """Histories that all differ."""
    return [
        ListRequest([{"title": f"History {n}"}], [{"title": f"Item {place} of {n}"} for place in range(items)])
        for n in range(count)
    ]


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


async def test_the_load_reaches_the_model_and_no_cache(postgres: str, triton: str, tmp_path: Path) -> None:
    before = databases(postgres)
    told: list[str] = []
    with own_gateway(postgres, triton, PROJECT_REPOSITORY, tmp_path / "gateway") as gateway:
        subject = gateway_subject(gateway, "cross_encoder", lists(12_000), tmp_path)
        sweeper = TargetSweeper(find_perf_analyzer(tmp_path / "tools"), Steps((0.3,), 1, 1000), tmp_path, told.append)
        found = sweeper.sweep(subject)
        counts = read_counts(gateway.metrics_address)
        async with CrossrankClient(gateway.url) as client:
            assert (await client.get_info()).limits.default_deadline_s == DEADLINE_S
    assert found.cache_hit_share == pytest.approx(0.0, abs=0.02)
    assert set(counts.answers) == {"OK"}
    assert counts.pairs["model"] == pytest.approx(4 * counts.answers["OK"], rel=0.02)
    (level,) = found.levels
    (run,) = level.runs
    assert not level.failure
    assert 0 < run.measured.p50_ms <= run.measured.p99_ms
    assert min(found.alone.infer_ms, found.alone.p50_ms) > 0
    assert len(told) == 3, "two closed loops and one rate"
    assert databases(postgres) == before


def test_lists_of_different_lengths_are_refused(tmp_path: Path) -> None:
    gateway = OwnGateway("127.0.0.1:1", "http://127.0.0.1:1/metrics")
    with pytest.raises(StartFailed, match="2 to 3 items; they must be of one length"):
        gateway_subject(gateway, "m", [*lists(1, 2), *lists(1, 3)], tmp_path)
    with pytest.raises(StartFailed, match="no items"):
        gateway_subject(gateway, "m", [], tmp_path)


@pytest.mark.parametrize(("pairs", "wanted"), [(8, 16), (20, 7), (64, 2), (500, 2)])
def test_so_many_callers_that_a_full_batch_waits(pairs: int, wanted: int) -> None:
    assert callers(pairs) == wanted


def test_a_full_batch_is_what_export_configures() -> None:
    assert ServingOptions().max_batch_pairs == BATCH_PAIRS


def test_a_server_without_a_database_to_create_is_told(tmp_path: Path) -> None:
    nowhere = own_gateway("postgresql://127.0.0.1:1/none", "127.0.0.1:1", PROJECT_REPOSITORY, tmp_path)
    with pytest.raises(LocalStackError, match="no database for the load test"), nowhere:
        pass
