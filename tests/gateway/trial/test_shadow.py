"""A shadow tells how far the challenger is from the champion, and the champion's callers never feel it."""

import asyncio
import random
from pathlib import Path

import pytest

from gateway.domain.comparison import Outcome, Shift
from gateway.domain.errors import DeadlineTooShort, ModelOverloaded, ModelUnavailable
from gateway.domain.values import CandidateOptions, Context, EncodedPair, Priority, RankingOptions
from gateway.pipeline import Pipeline
from gateway.scoring.coalesced import CoalescedScorer, ScoringOutcome, ScoringWork
from gateway.trial.shadow import ShadowLimits
from tests.fakes.scorers import hash_logit
from tests.gateway.rig import call, candidate
from tests.gateway.trial.rig import TrialRig

U1 = Context(user_id="u1")


@pytest.fixture
def rig(tmp_path: Path) -> TrialRig:
    return TrialRig(tmp_path)


async def ask(pipeline: Pipeline, options: RankingOptions | None = None) -> list[str]:
    answer = await pipeline.recommend(U1, CandidateOptions(), options or RankingOptions(), call())
    return [item.item_id for item in answer.items]


async def test_a_challenger_that_is_the_champion_agrees_in_everything(rig: TrialRig) -> None:
    await ask(rig.champion)
    await rig.finish()
    (found,) = rig.store.comparisons
    assert (found.champion.version, found.challenger.version) == ("1", "2")
    assert (found.agreement.kendall_tau, found.agreement.top_overlap) == (1.0, 1.0)
    assert found.agreement.logit == Shift(0.0, 0.0)
    assert found.agreement.items == 6, "all candidates, not only the three answered"


@pytest.mark.parametrize("seed", [3])
async def test_a_noisy_challenger_is_told_from_the_champion(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    rig = TrialRig(tmp_path, lambda pair: hash_logit(pair) + draw.gauss(1.0, 3.0))
    await ask(rig.champion)
    await rig.finish()
    (found,) = rig.store.comparisons
    assert found.agreement.kendall_tau < 1.0, f"seed {seed}"
    assert found.agreement.logit
    assert found.agreement.logit.p95 > 0.5, f"seed {seed}"


async def test_a_reversed_challenger_has_tau_minus_one(tmp_path: Path) -> None:
    rig = TrialRig(tmp_path, lambda pair: -hash_logit(pair))
    await ask(rig.champion)
    await rig.finish()
    assert rig.store.comparisons[0].agreement.kendall_tau == -1.0


async def test_what_the_request_cut_away_is_compared_all_the_same(rig: TrialRig) -> None:
    assert len(await ask(rig.champion, options=RankingOptions(top_n=1, min_score=0.9))) <= 1
    await rig.finish()
    assert rig.store.comparisons[0].agreement.items == 6


async def test_every_way_to_ask_is_compared_once(rig: TrialRig) -> None:
    candidates = [candidate("m2", 1), candidate("m3", 2)]
    await rig.champion.rerank(U1, candidates, RankingOptions(), call())
    async for _ in rig.champion.recommend_stream(U1, CandidateOptions(), RankingOptions(), call()):
        pass
    await rig.finish()
    assert rig.counted.shadow == {Outcome.COMPARED: 2}


async def test_the_answer_is_out_before_the_challenger_is_asked(rig: TrialRig) -> None:
    await ask(rig.champion)
    assert rig.scorer.requests == []
    await rig.finish()
    assert rig.scorer.requests


async def test_the_challenger_is_asked_as_batch_work(rig: TrialRig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Priority]] = []
    score = CoalescedScorer.score

    async def note(self: CoalescedScorer, work: ScoringWork) -> ScoringOutcome:
        asked.append((work.model.identity.version, work.priority))
        return await score(self, work)

    monkeypatch.setattr(CoalescedScorer, "score", note)
    await ask(rig.champion)
    await rig.finish()
    assert asked == [("1", Priority.INTERACTIVE), ("2", Priority.BATCH)]


async def test_nothing_of_a_shadow_is_logged_counted_or_cached_for_the_champion(rig: TrialRig) -> None:
    await ask(rig.champion)
    kept = len(rig.base.cache)
    stages = list(rig.base.seen.stages)
    await rig.finish()
    assert rig.counted.shadow == {Outcome.COMPARED: 1}
    assert len(rig.base.shelf.impressions) == len(rig.base.seen.answers) == 1
    assert (len(rig.base.cache), rig.base.seen.stages) == (kept, stages)


async def test_seconds_of_the_champion_count_only_where_the_model_did_all_the_work(rig: TrialRig) -> None:
    await ask(rig.champion)
    await ask(rig.champion)
    await rig.finish()
    # Both shadows ran side by side: either may end first.
    timed, cached = sorted(rig.store.comparisons, key=lambda one: one.champion_s is None)
    assert timed.champion_s is not None
    assert cached.champion_s is None
    assert min(timed.challenger_s, cached.challenger_s) > 0.0


async def test_a_busy_shadow_drops_and_counts(tmp_path: Path) -> None:
    rig = TrialRig(tmp_path, limits=ShadowLimits(running=1, waiting=1, deadline_s=5.0))
    rig.scorer.gate = asyncio.Event()
    for _ in range(5):
        assert len(await ask(rig.champion)) == 3
    await rig.until_asked(1)
    assert rig.counted.shadow == {Outcome.BUSY: 3}
    rig.scorer.gate.set()
    await rig.finish()
    assert rig.counted.shadow == {Outcome.BUSY: 3, Outcome.COMPARED: 2}
    assert rig.store.outcomes() == {Outcome.BUSY: 3}


async def test_no_more_than_so_many_lists_are_ranked_at_a_time(tmp_path: Path) -> None:
    rig = TrialRig(tmp_path, limits=ShadowLimits(running=1, waiting=5, deadline_s=5.0))
    rig.scorer.gate = asyncio.Event()
    await ask(rig.champion)
    await rig.until_asked(1)
    alone = len(rig.scorer.requests)
    for _ in range(3):
        await ask(rig.champion)
    assert len(rig.scorer.requests) == alone
    rig.scorer.gate.set()
    await rig.finish()
    assert rig.counted.shadow == {Outcome.COMPARED: 4}


async def test_a_gateway_full_of_work_has_no_room_for_shadows(rig: TrialRig) -> None:
    rig.base.admission.in_flight = 6000
    await ask(rig.champion)
    await rig.finish()
    assert rig.counted.shadow == {Outcome.BUSY: 1}
    assert rig.scorer.requests == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (ModelUnavailable("worker died"), Outcome.UNAVAILABLE),
        (ModelOverloaded("queue full"), Outcome.BUSY),
        (DeadlineTooShort("late"), Outcome.DEADLINE),
    ],
)
async def test_a_challenger_that_fails_costs_a_comparison_and_nothing_else(
    rig: TrialRig, fault: ModelUnavailable | DeadlineTooShort, outcome: Outcome
) -> None:
    expected = await ask(rig.base.pipeline)
    rig.scorer.fault = fault
    assert await ask(rig.champion) == expected
    await rig.finish()
    assert rig.store.outcomes() == {outcome: 1}
    assert rig.store.comparisons == []


async def test_a_challenger_that_never_answers_is_given_up_at_its_own_deadline(tmp_path: Path) -> None:
    rig = TrialRig(tmp_path, limits=ShadowLimits(running=1, waiting=1, deadline_s=0.05))
    rig.scorer.gate = asyncio.Event()
    await ask(rig.champion)
    async with asyncio.timeout(10):
        while not rig.counted.shadow:
            await asyncio.sleep(0)
    assert rig.counted.shadow == {Outcome.DEADLINE: 1}
    await rig.finish()


async def test_a_challenger_never_verified_is_unavailable(rig: TrialRig) -> None:
    rig.scorer.model = None
    await ask(rig.champion)
    await rig.finish()
    assert rig.store.outcomes() == {Outcome.UNAVAILABLE: 1}


async def test_a_challenger_that_is_not_ready_is_not_asked(rig: TrialRig) -> None:
    rig.is_ready = False
    await ask(rig.champion)
    await rig.finish()
    assert rig.store.outcomes() == {Outcome.UNAVAILABLE: 1}
    assert rig.scorer.requests == []


async def test_a_list_that_the_champion_could_not_score_is_not_compared(rig: TrialRig) -> None:
    rig.base.scorer.model = None
    await ask(rig.champion)
    await rig.finish()
    assert rig.store.outcomes() == {Outcome.UNSCORED: 1}
    assert rig.scorer.requests == []


async def test_an_unforeseen_fault_is_counted_and_the_next_list_is_compared(tmp_path: Path) -> None:
    broken = True

    def explode_once(pair: EncodedPair) -> float:
        nonlocal broken
        if broken:
            broken = False
            raise ZeroDivisionError
        return hash_logit(pair)

    rig = TrialRig(tmp_path, explode_once)
    await ask(rig.champion)
    await rig.shadow.drain()
    await ask(rig.champion)
    await rig.finish()
    assert rig.counted.shadow == {Outcome.FAILED: 1, Outcome.COMPARED: 1}


async def test_stopping_waits_for_what_runs_and_stores_it(rig: TrialRig) -> None:
    rig.scorer.gate = asyncio.Event()
    await ask(rig.champion)
    await rig.until_asked(1)
    finishing = asyncio.create_task(rig.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    rig.scorer.gate.set()
    await finishing
    assert len(rig.store.comparisons) == 1


async def test_stopping_gives_up_what_takes_too_long_and_counts_it(tmp_path: Path) -> None:
    """One list sits in the model until its deadline; the other waits for its turn and never gets it."""
    rig = TrialRig(tmp_path, limits=ShadowLimits(running=1, waiting=5, deadline_s=0.05))
    rig.scorer.gate = asyncio.Event()
    for _ in range(4):
        await ask(rig.champion)
    await rig.finish()
    assert sum(rig.counted.shadow.values()) == 4
    assert rig.counted.shadow[Outcome.STOPPED] >= 1
    assert set(rig.counted.shadow) <= {Outcome.STOPPED, Outcome.DEADLINE}


async def test_who_is_not_drawn_costs_nothing(tmp_path: Path) -> None:
    rig = TrialRig(tmp_path, share=0.0)
    await ask(rig.champion)
    await rig.finish()
    assert rig.scorer.requests == []
    assert rig.counted.shadow == {}
