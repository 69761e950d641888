"""A canary answers its users with the challenger as long as that is able, and with the champion otherwise."""

import asyncio
from pathlib import Path

import pytest

from gateway.domain.budget import Budget, Call
from gateway.domain.errors import DeadlineTooShort, InvalidRequest, ModelUnavailable, NotFound
from gateway.domain.values import CandidateOptions, Context, Item, RankedList, RankingOptions
from gateway.trial.canary import Canary
from gateway.trial.traffic_split import TrafficSplit
from tests.fakes.scorers import hash_logit
from tests.gateway.rig import call, candidate
from tests.gateway.trial.rig import TrialRig

U1 = Context(user_id="u1")


class CanaryRig(TrialRig):
    """All users are drawn."""

    def __init__(self, folder: Path, share: float = 1.0) -> None:
        super().__init__(folder, lambda pair: -hash_logit(pair))
        drawn, challenger = TrafficSplit("canary", share), self.on_trial(self.challenger)
        self.canary = Canary(self.base.pipeline, challenger, drawn, self.counted)

    async def ask(self, options: RankingOptions | None = None, context: Context = U1) -> RankedList:
        return await self.canary.recommend(context, CandidateOptions(), options or RankingOptions(), call())

    @property
    def logged_versions(self) -> list[str]:
        """Of the lists that were shown."""
        return [shown.model.version for shown in self.base.shelf.impressions]


@pytest.fixture
def rig(tmp_path: Path) -> CanaryRig:
    return CanaryRig(tmp_path)


async def test_a_drawn_user_gets_the_challengers_list_under_its_version(rig: CanaryRig) -> None:
    answer = await rig.ask()
    assert answer.model == rig.model.identity
    assert rig.logged_versions == ["2"]
    assert rig.counted.canary == {"answered": 1}
    champions = await rig.base.pipeline.recommend(U1, CandidateOptions(), RankingOptions(top_n=6), call())
    challengers = await rig.ask(RankingOptions(top_n=6))
    order = [item.item_id for item in champions.items]
    assert [item.item_id for item in challengers.items] == order[::-1]


async def test_a_user_who_is_not_drawn_gets_the_champions_list(tmp_path: Path) -> None:
    rig = CanaryRig(tmp_path, share=0.0)
    assert (await rig.ask()).model.version == "1"
    assert rig.counted.canary == {}
    assert rig.scorer.requests == []


async def test_scores_of_one_version_never_answer_for_the_other(rig: CanaryRig) -> None:
    """Both pipelines share a cache here: the version is part of every key."""
    one_cache = rig.base.cache
    await rig.base.pipeline.recommend(U1, CandidateOptions(), RankingOptions(), call())
    kept = len(one_cache)
    answer = await rig.ask()
    assert kept > 0
    assert answer.cache_hits == 0


@pytest.mark.parametrize("fault", [ModelUnavailable("worker died"), DeadlineTooShort("late")])
async def test_a_failing_challenger_is_replaced_by_the_champion(
    rig: CanaryRig, fault: ModelUnavailable | DeadlineTooShort
) -> None:
    rig.scorer.fault = fault
    answer = await rig.ask()
    assert answer.model.version == "1"
    assert not answer.degraded
    assert rig.logged_versions == ["1"], "what nobody saw is not logged"
    assert rig.counted.canary == {"failed": 1}


async def test_a_challenger_that_is_not_ready_is_not_asked(rig: CanaryRig) -> None:
    rig.is_ready = False
    assert (await rig.ask()).model.version == "1"
    assert rig.scorer.requests == []
    assert rig.counted.canary == {"unready": 1}


async def test_a_hanging_challenger_leaves_the_champion_time_to_answer(rig: CanaryRig) -> None:
    rig.scorer.gate = asyncio.Event()
    short = Call("r", Budget(1.0))
    answer = await rig.canary.recommend(U1, CandidateOptions(), RankingOptions(), short)
    assert answer.model.version == "1"
    assert not answer.degraded
    assert not short.budget.spent


async def test_both_away_is_the_champions_degraded_answer_or_error(rig: CanaryRig) -> None:
    rig.scorer.fault = rig.base.scorer.fault = ModelUnavailable("worker died")
    answer = await rig.ask()
    assert [one.reason.value for one in answer.degraded] == ["MODEL_UNAVAILABLE"]
    with pytest.raises(ModelUnavailable, match="require_rerank"):
        await rig.ask(RankingOptions(require_rerank=True))


async def test_what_only_the_challenger_cannot_read_is_answered_by_the_champion(rig: CanaryRig) -> None:
    """A context may be too long for one encoding and not for the other."""
    long_query = Context(query="space " * 60)
    with pytest.raises(InvalidRequest):
        await rig.ask(context=long_query)
    assert rig.counted.canary == {"failed": 1}, "the champion was asked, and refused it too"


async def test_an_unknown_item_is_the_callers_fault_and_no_failure_of_the_challenger(rig: CanaryRig) -> None:
    with pytest.raises(NotFound):
        await rig.ask(context=Context(seed_item_id="nowhere"))
    assert rig.counted.canary == {}


async def test_inline_candidates_are_ranked_by_the_challenger_too(rig: CanaryRig) -> None:
    inline = [candidate("m2", 1), candidate("m3", 2)]
    answer = await rig.canary.rerank(U1, inline, RankingOptions(), call())
    assert answer.model.version == "2"
    rig.scorer.fault = ModelUnavailable("worker died")
    rig.base.shelf.items["m4"] = Item("m4", {"title": "fargo"})
    answer = await rig.canary.rerank(U1, [*inline, candidate("m4", 3)], RankingOptions(), call())
    assert answer.model.version == "1"


async def stream(rig: CanaryRig) -> list[RankedList]:
    return [one async for one in rig.canary.recommend_stream(U1, CandidateOptions(), RankingOptions(), call())]


async def test_a_stream_is_the_challengers(rig: CanaryRig) -> None:
    first, second = await stream(rig)
    assert all(item.logit is None for item in first.items)
    assert second.model.version == "2"
    assert rig.counted.canary == {"answered": 1}


async def test_a_stream_that_breaks_off_is_ended_by_the_champion_without_a_repeated_first_list(rig: CanaryRig) -> None:
    rig.scorer.fault = ModelUnavailable("worker died")
    first, second = await stream(rig)
    assert all(item.logit is None for item in first.items)
    assert second.model.version == "1"
    assert all(item.logit is not None for item in second.items)
    assert rig.logged_versions == ["1"]


async def test_a_stream_of_a_challenger_that_is_not_ready_is_the_champions_whole(rig: CanaryRig) -> None:
    rig.is_ready = False
    assert [one.model.version for one in await stream(rig)] == ["1", "1"]
