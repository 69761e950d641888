"""The driver against a real gateway, Triton and PostgreSQL: what it measures is what the service did."""

import math
from itertools import islice
from pathlib import Path

import pytest

from clients.load.bench.systems import gateway_system
from clients.load.bench.systems.gateway_system import Extras, Gateway
from clients.load.bench.systems.served_stack import PATIENT
from clients.load.bench.systems.triton_alone import encoded
from clients.load.bench.systems.wide_repository import write_wide_repository
from clients.load.bench.workload import warm
from clients.load.bench.workload.gateway_load import GatewayLoad
from clients.load.bench.workload.job_texts import Mix, mixed
from clients.load.bench.workload.readings import Load, Reading
from clients.load.bench.workload.system import Visit
from deploy.local.parts.ports import LOOPBACK, free_port
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.encoding.bundle import open_bundle
from tests.clients.load.bench.made import MIX, made
from training.export.compare import score_graph


def test_a_visit_measures_the_real_service_cold_and_from_its_cache(tmp_path: Path) -> None:
    repository = write_wide_repository(PROJECT_REPOSITORY, tmp_path / "models")
    version = repository / "cross_encoder" / "1"
    mix = mixed(version / "encoding" / "tokenizer.json", seed=3)
    proof = list(islice(mix.jobs(10, seed=5), 2))
    extras = Extras(cells=[(2, 25)], zipf={}, shared_zipf=None, rounds=1, seconds=0.5)
    findings = Gateway(repository, tmp_path / "stack", extras).visit(Visit(0, [mix], 0.5, 11, tmp_path, proof))

    pairs = encoded(open_bundle(version / "encoding").encoder, proof)
    expected = [score_graph(version / "model.onnx", one).tolist() for one in pairs]
    assert findings.scores == [pytest.approx(one, abs=1e-3) for one in expected]

    assert [one.load.key for one in findings.readings] == ["closed_4x100", "alone_1x100", "capacity_2x25", "open_2x25"]
    for one in findings.readings:
        assert (one.failed, one.degraded, one.hit_share) == (0, 0, 0.0)
        assert one.pairs_per_s > 0
        assert one.cost is not None
        assert one.cost.pairs == len(one.latencies_ms) * one.load.candidates
        assert one.cost.cpu_s > 0
        assert one.cost.peak_mb > 100
        assert one.outside_model_share is not None
        assert 0 < one.outside_model_share < 1
    assert findings.timers[math.inf] >= 10
    assert list(findings.timers.values()) == sorted(findings.timers.values())


def test_the_next_gateway_finds_the_scores_of_the_one_before_in_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "FILLING_VISITS", 4)
    monkeypatch.setattr(warm, "MEASURED_VISITS", 4)
    monkeypatch.setattr(warm, "USERS", 1)
    # Whether scores are found is asked here, not how fast: on a busy processor one late answer makes Redis rest.
    monkeypatch.setattr(gateway_system, "PATIENT", {**PATIENT, "CROSSRANK_CACHE_REDIS_TIMEOUT_S": "1"})
    repository = write_wide_repository(PROJECT_REPOSITORY, tmp_path / "models")
    extras = Extras(cells=[], zipf={}, shared_zipf=3.0, rounds=0, seconds=0.2)
    visit = Visit(0, [MIX], 0.2, 11, tmp_path)
    *_, found = Gateway(repository, tmp_path / "stack", extras).visit(visit).readings
    assert (found.load.key, found.failed, found.degraded) == ("zipf_3_from_redis_4x100", 0, 0)
    assert len(found.latencies_ms) == 4
    assert found.hit_share > 0.5


async def test_a_warm_workload_is_measured_in_as_many_rounds_as_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []

    async def zipf_reading(_: GatewayLoad, mix: Mix, exponent: float, seed: int) -> Reading:
        asked.append((seed, exponent))
        return made("gateway", 1.0, f"zipf_{exponent:g}")

    async def all_hit_reading(_: GatewayLoad, mix: Mix, seed: int) -> Reading:
        return made("gateway", 1.0, "all_hit")

    monkeypatch.setattr(warm, "zipf_reading", zipf_reading)
    monkeypatch.setattr(warm, "all_hit_reading", all_hit_reading)
    extras = Extras(cells=[], zipf={0.8: 1, 1.0: 2}, shared_zipf=None, rounds=0, seconds=0.1)
    gateway, load = Gateway(Path("nowhere"), Path("nowhere"), extras), GatewayLoad("nowhere", ())
    kinds = [[one.load.kind for one in await gateway.measure_warm(load, MIX, number, number)] for number in range(3)]
    assert kinds == [["zipf_0.8", "zipf_1", "all_hit"], ["zipf_1", "all_hit"], []]
    assert asked == [(0, 0.8), (0, 1.0), (1, 1.0)]


async def test_a_gateway_that_is_not_there_gives_failures_and_no_rate() -> None:
    gateway = GatewayLoad(f"{LOOPBACK}:{free_port()}", ())
    found = await gateway.closed(Load("mixed", "closed", 1, 5), islice(MIX.jobs(5, 1), 2), 0.2)
    assert found.failed >= 1
    assert found.pairs_per_s == 0.0
    assert found.latencies_ms == ()


async def test_an_open_loop_needs_a_rate() -> None:
    with pytest.raises(ValueError, match="needs a rate above 0, not None"):
        await GatewayLoad("nowhere", ()).opened(Load("mixed", "open", 1, 5), MIX.jobs(5, 1), 1.0, 1)
