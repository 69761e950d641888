"""Filling a cold cache ahead of calls: what is known afterwards, what leaves no trace, and what happens when the store
or the model is away or busy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelOverloaded, StoreUnavailable
from gateway.domain.values import CandidateOptions, Context, ModelIdentity, Priority, RankingOptions
from gateway.pipeline import Pipeline
from gateway.scoring.admission import Admission, AdmissionLimits, Held
from gateway.warm_up import ATTEMPTS, WarmUp, unseen, warming
from tests.gateway.rig import Rig, call

UNVERIFIED = ModelIdentity("cross_encoder", "", "")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path)
    rig.shelf.histories = {"u1": ["m0", "m1"], "u2": ["m5"], "u3": ["m2", "m3", "m4"]}
    return rig


def warm_up(rig: Rig, users: int = 10, identity: ModelIdentity | None = None) -> WarmUp:
    pipeline = Pipeline(unseen(rig.parts), rig.defaults)
    return WarmUp(pipeline, rig.parts.histories, lambda: identity or rig.model.identity, users)


async def ask(rig: Rig, user_id: str) -> tuple[int, int]:
    """Scores of a live call, and how many of them came from the cache."""
    answer = await rig.pipeline.recommend(Context(user_id=user_id), CandidateOptions(), RankingOptions(), call())
    return answer.scored_count, answer.cache_hits


async def test_a_call_behind_the_warm_up_finds_all_its_scores(rig: Rig) -> None:
    await warm_up(rig).warm()
    for user_id in ("u1", "u2", "u3"):
        scored, hits = await ask(rig, user_id)
        assert scored == hits > 0, user_id


async def test_a_call_on_a_cold_cache_finds_none(rig: Rig) -> None:
    """The control of the test above."""
    assert (await ask(rig, "u1"))[1] == 0


async def test_only_so_many_users_are_ranked_ahead(rig: Rig) -> None:
    warmer = warm_up(rig, users=1)
    await warmer.warm()
    assert warmer.warmed == 1
    assert (await ask(rig, "u1"))[1] > 0
    assert (await ask(rig, "u3"))[1] == 0


async def test_nothing_is_logged_or_counted(rig: Rig) -> None:
    await warm_up(rig).warm()
    assert rig.scorer.requests
    assert not rig.shelf.impressions
    assert not rig.seen.answers
    assert not rig.seen.stages


async def test_it_is_batch_work_that_admission_may_refuse(rig: Rig) -> None:
    asked: list[Priority] = []

    class Watched(Admission):
        @contextmanager
        def admit(self, tokens: int, priority: Priority, budget: Budget, caller: str = "") -> Iterator[Held]:
            asked.append(priority)
            with super().admit(tokens, priority, budget) as held:
                yield held

    rig.parts.scorer.admission = Watched(AdmissionLimits(10_000, 0.5, 0.2))
    await warm_up(rig).warm()
    assert set(asked) == {Priority.BATCH}


async def test_without_a_store_nothing_happens(rig: Rig) -> None:
    rig.shelf.faults["latest_users"] = StoreUnavailable("away")
    warmer = warm_up(rig)
    await warmer.warm()
    assert warmer.warmed == 0
    assert not rig.scorer.requests


async def test_a_busy_model_is_asked_again_and_then_left_alone(rig: Rig) -> None:
    rig.scorer.fault = ModelOverloaded("busy")
    warmer = warm_up(rig, users=1)
    await warmer.warm(pause_s=0)
    assert warmer.warmed == 0
    assert len(rig.scorer.requests) >= ATTEMPTS
    rig.scorer.fault = None
    await warmer.warm(pause_s=0)
    assert warmer.warmed == 1


async def until(warmer: WarmUp, lists: int) -> None:
    async with asyncio.timeout(10):
        while warmer.warmed != lists:
            await asyncio.sleep(0)


async def test_it_waits_for_a_verified_model_and_runs_again_for_another_version(rig: Rig) -> None:
    identities = [UNVERIFIED]
    pipeline = Pipeline(unseen(rig.parts), rig.defaults)
    warmer = WarmUp(pipeline, rig.parts.histories, lambda: identities[-1], 10)
    running = asyncio.create_task(warmer.run(interval_s=0))
    try:
        for _ in range(50):
            await asyncio.sleep(0)
        assert warmer.warmed == 0
        identities.append(rig.model.identity)
        await until(warmer, 3)
        warmer.warmed = -1  # whoever runs again begins at 0
        for _ in range(50):
            await asyncio.sleep(0)
        assert warmer.warmed == -1, "the same version is not warmed twice"
        identities.append(replace(rig.model.identity, version="2"))
        await until(warmer, 3)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_it_ends_with_the_gateway(rig: Rig) -> None:
    rig.scorer.gate = asyncio.Event()
    async with warming(warm_up(rig)):
        await rig.until_asked(1)
    assert not [task for task in asyncio.all_tasks() if "WarmUp.run" in repr(task.get_coro())]
