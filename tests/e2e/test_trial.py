"""A challenger beside the champion on a real Triton and a real PostgreSQL: what the shadow finds, whom the canary
answers, and that the champion does not feel a challenger that dies."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client import CollectorRegistry
from tritonclient.grpc.aio import InferenceServerClient

from deploy.local.parts.triton import Triton
from gateway.app import Stores, build_parts, open_ranker
from gateway.cache.local import LocalScoreCache
from gateway.domain.budget import Budget, Call
from gateway.domain.values import Candidate, Context, Item, RankedList, RankingOptions
from gateway.models import Models, open_models
from gateway.rpc.ranking import Ranker
from gateway.settings import Settings
from gateway.store.comparisons import PostgresComparisonStore, ShadowDay
from gateway.store.pool import Database
from gateway.store.version_feedback import feedback_by_version
from gateway.telemetry.metrics import Metrics
from tests.conftest import StartTriton, Tritons
from tests.e2e.versions import NOISY, write_repository
from tests.triton_control import with_key

WORDS = "toy story the matrix heat alien jaws brazil fargo space".split()
USERS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is."""

    triton: Triton
    repository: Path
    postgres: str

    def settings(self, **changes: Any) -> Settings:
        here = Settings(triton_urls=self.triton.url, model_repository=str(self.repository), postgres_url=self.postgres)
        return replace(here, verify_interval_s=0.1, cache_entries=0, **changes)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's inside."""

    ranker: Ranker
    models: Models
    metrics: Metrics

    async def ask(self, user: str) -> RankedList:
        """The user's list of 30 invented candidates."""
        call = Call(f"request-{user}", Budget(20.0))
        return await self.ranker.rerank(Context(user_id=user), candidates(user), RankingOptions(), call)

    def counted(self, name: str, outcome: str) -> float:
        return self.metrics.registry.get_sample_value(f"crossrank_{name}_total", {"outcome": outcome}) or 0.0


def candidates(user: str) -> list[Candidate]:
    draw = random.Random(f"11 {user}")
    titles = [" ".join(draw.sample(WORDS, 4)) for _ in range(30)]
    return [
        Candidate(f"i{rank}", rank, 1 / rank, (), Item(f"i{rank}", {"title": title, "year": str(1950 + rank)}))
        for rank, title in enumerate(titles, start=1)
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_repository(tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def place(start_triton: StartTriton, tritons: Tritons, repository: Path, postgres: str, database: Database) -> Place:
    return Place(tritons[start_triton(repository)], repository, postgres)


@asynccontextmanager
async def gateway(place: Place, database: Database, **changes: Any) -> AsyncIterator[Gateway]:
    settings, metrics = place.settings(**changes), Metrics(CollectorRegistry())
    async with open_models(settings) as models:
        async with asyncio.timeout(60):
            while not all(
                one is None or one.verification.identity().fingerprint for one in (models.champion, models.challenger)
            ):
                await asyncio.sleep(0.05)
        parts = build_parts(settings, Stores(database), models, LocalScoreCache(settings.cache_entries), metrics)
        async with open_ranker(settings, parts, Stores(database), models, metrics) as ranker:
            yield Gateway(ranker, models, metrics)


async def shadow_of(place: Place, database: Database, challenger: str) -> ShadowDay:
    """Asks for some lists under a shadow of everybody; what is in the store when the gateway has stopped."""
    async with gateway(place, database, challenger=challenger, shadow_share=1.0, shadow_waiting=100) as running:
        for number in range(USERS):
            answer = await running.ask(f"u{number}")
            assert answer.model.name == "cross_encoder"
            assert not answer.degraded
    (day,) = await PostgresComparisonStore(database).report(1, Budget(30))
    return day


async def test_an_identical_version_agrees_in_everything(place: Place, database: Database) -> None:
    day = await shadow_of(place, database, "2")
    assert (day.champion, day.challenger) == ("cross_encoder:1", "cross_encoder:2")
    assert (day.compared, day.dropped, day.failed) == (USERS, 0, 0)
    assert (day.kendall_tau, day.kendall_tau_p5, day.top_overlap) == (1.0, 1.0, 1.0)
    assert day.logit_shift_p95 == pytest.approx(0.0, abs=1e-4)
    assert day.timed == USERS


async def test_a_noisy_model_is_told_from_the_champion(place: Place, database: Database) -> None:
    day = await shadow_of(place, database, NOISY[0])
    assert day.challenger == "noisy_encoder:1"
    assert day.compared == USERS
    assert day.kendall_tau is not None
    assert day.kendall_tau < 0.95
    assert day.logit_shift_p95 is not None
    assert day.logit_shift_p95 > 0.01


async def test_without_a_challenger_the_first_version_serves_on_and_nothing_is_compared(
    place: Place, database: Database
) -> None:
    async with gateway(place, database) as running:
        assert (await running.ask("u1")).model.version == "1", "nobody promoted the second"
    assert await PostgresComparisonStore(database).report(1, Budget(30)) == []


async def test_the_canary_answers_the_same_share_of_users_again_and_again(place: Place, database: Database) -> None:
    async with gateway(place, database, challenger="2", canary_share=0.5) as running:
        versions = {f"u{number}": (await running.ask(f"u{number}")).model.version for number in range(40)}
        assert 5 <= list(versions.values()).count("2") <= 35
        assert {user: (await running.ask(user)).model.version for user in versions} == versions
    shown = await feedback_by_version(database, 1, Budget(30))
    assert {one.ordered_by.removeprefix("cross_encoder:"): one.lists for one in shown} == {
        version: 2 * list(versions.values()).count(version) for version in ("1", "2")
    }


async def test_a_challenger_that_is_no_model_leaves_everything_to_the_champion(
    place: Place, database: Database
) -> None:
    settings = place.settings(challenger="7", canary_share=1.0, shadow_share=1.0)
    metrics = Metrics(CollectorRegistry())
    async with open_models(settings) as models:
        parts = build_parts(settings, Stores(database), models, LocalScoreCache(settings.cache_entries), metrics)
        async with open_ranker(settings, parts, Stores(database), models, metrics) as ranker:
            running = Gateway(ranker, models, metrics)
            answer = await running.ask("u1")
    assert not answer.degraded
    assert running.counted("canary_requests", "unready") == 1
    assert running.counted("shadow_requests", "unavailable") == 1


async def unload(triton: InferenceServerClient, repository: Path) -> None:
    """Takes the model out of the running Triton."""
    await triton.unload_model(NOISY[0])


async def kill_worker(triton: InferenceServerClient, repository: Path) -> None:
    """kill -9 of the process that computes the model."""
    place = str(repository / NOISY[0])
    (worker,) = [
        one for one in psutil.process_iter(["cmdline"]) if any(place in word for word in one.info["cmdline"] or ())
    ]
    worker.kill()


@pytest.mark.parametrize("end", [unload, kill_worker])
async def test_a_challenger_that_dies_costs_no_caller_anything_and_is_asked_again_when_it_is_back(
    place: Place, database: Database, end: Callable[[InferenceServerClient, Path], Awaitable[None]]
) -> None:
    settings: dict[str, Any] = {"challenger": NOISY[0], "canary_share": 0.5, "shadow_share": 1.0, "shadow_waiting": 100}
    triton = with_key(InferenceServerClient(place.triton.url), place.triton.key_file)
    try:
        async with gateway(place, database, **settings) as running:
            before = {f"u{number}": await running.ask(f"u{number}") for number in range(USERS)}
            assert {answer.model.name for answer in before.values()} == {"cross_encoder", NOISY[0]}
            await end(triton, place.repository)
            during = [await running.ask(f"u{number % USERS}") for number in range(2 * USERS)]
            assert {answer.model.name for answer in during} == {"cross_encoder"}
            assert not any(answer.degraded for answer in during)
            assert all(one.usable for one in running.models.champion.endpoints.all)
            await triton.unload_model(NOISY[0])
            await triton.load_model(NOISY[0])
            async with asyncio.timeout(60):
                while {(await running.ask(f"u{number}")).model.name for number in range(USERS)} == {"cross_encoder"}:
                    await asyncio.sleep(0.05)
        fallbacks = running.counted("canary_requests", "failed") + running.counted("canary_requests", "unready")
        assert fallbacks > 0
        assert running.counted("shadow_requests", "unavailable") > 0
    finally:
        await triton.close()
