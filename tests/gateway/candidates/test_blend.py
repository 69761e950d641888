"""The blend: reciprocal ranks fused in a total order, late and broken sources dropped and told."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from gateway.candidates.blend import Blend, BlendSettings, fuse
from gateway.domain.budget import Budget
from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    InvalidRequest,
    ModelAnswerInvalid,
    ModelMismatch,
    ModelOverloaded,
    ModelUnavailable,
    StoreUnavailable,
    Violation,
)
from gateway.domain.values import Candidate, CandidateQuery, HistoryEvent, Reason, SourceHit
from tests.fakes.sources import hits_of

QUERY = CandidateQuery(limit=10, history=(HistoryEvent("h"),))
BUDGET_S = 30.0


class Scripted:
    """A source that answers a list, raises a fault, or waits until it is let go; remembers its budgets."""

    def __init__(self, name: str, *item_ids: str, fault: Exception | None = None, fits: bool = True) -> None:
        self.name = name
        self.gate: asyncio.Event | None = None
        self.budgets: list[float] = []
        self.left = asyncio.Event()
        self._answer = hits_of(name, item_ids)
        self._fault = fault
        self._fits = fits

    def fits(self, query: CandidateQuery) -> bool:
        return self._fits

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        self.budgets.append(budget.left_s)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.left.set()
        if self._fault is not None:
            raise self._fault
        return self._answer[: query.limit]


def waiting(name: str, *item_ids: str) -> Scripted:
    """A source that never answers by itself."""
    source = Scripted(name, *item_ids)
    source.gate = asyncio.Event()
    return source


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [one.item_id for one in candidates]


def test_the_score_is_the_sum_of_reciprocal_ranks_with_60_added() -> None:
    fused = fuse([hits_of("a", ["x", "y"]), hits_of("b", ["y", "z"])], 10)
    assert [(one.item_id, one.rank) for one in fused] == [("y", 1), ("x", 2), ("z", 3)]
    assert [one.score for one in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62], rel=1e-15)


def test_the_ranks_of_a_source_with_a_weight_count_so_many_times() -> None:
    lists = [hits_of("a", ["x", "y"]), hits_of("b", ["y", "z"])]
    fused = fuse(lists, 10, BlendSettings(weights={"b": 2.0}))
    assert [one.item_id for one in fused] == ["y", "z", "x"]
    assert [one.score for one in fused] == pytest.approx([1 / 62 + 2 / 61, 2 / 62, 1 / 61])


async def test_a_blend_weighs_its_sources_as_set() -> None:
    sources = [Scripted("a", "x"), Scripted("b", "y")]
    candidates, _ = await Blend(sources, BlendSettings(weights={"b": 2.0})).fetch(QUERY, (), Budget(BUDGET_S))
    assert [one.item_id for one in candidates] == ["y", "x"]


LIKED, COLD = hits_of("a", [f"a{number:02}" for number in range(20)]), hits_of("cold", ["c0", "c1", "c2", "c3"])
KEEPING = BlendSettings(weights={"cold": 1e-6}, reserved={"cold": 0.2})


def test_a_share_of_the_places_is_kept_for_a_source_at_the_end_of_the_list_in_its_order() -> None:
    fused = fuse([LIKED, COLD], 10, KEEPING)
    assert ids(fused) == [*ids(LIKED)[:8], "c0", "c1"]
    assert [one.rank for one in fused] == list(range(1, 11))
    assert fused[-2].hits == (SourceHit("cold", 1, 1.0),)


def test_kept_places_that_their_source_cannot_fill_go_to_others() -> None:
    assert ids(fuse([LIKED, COLD[:1]], 10, KEEPING)) == [*ids(LIKED)[:9], "c0"]
    assert ids(fuse([LIKED], 10, KEEPING)) == ids(LIKED)[:10]


def test_places_that_others_leave_free_are_filled_by_the_source_that_has_some_kept() -> None:
    assert ids(fuse([LIKED[:2], COLD], 10, KEEPING)) == ["a00", "a01", "c0", "c1", "c2", "c3"]


def test_an_item_that_its_score_brings_into_the_list_takes_a_kept_place_and_stands_where_its_score_puts_it() -> None:
    fused = fuse([[*LIKED, *hits_of("b", ["c1"])], COLD], 10, KEEPING)
    assert ids(fused) == ["c1", *ids(LIKED)[:8], "c0"]


def test_a_list_too_short_for_the_share_keeps_no_place() -> None:
    assert ids(fuse([LIKED, COLD], 4, KEEPING)) == ids(LIKED)[:4]


@pytest.mark.parametrize("seed", range(5))
def test_kept_places_change_nothing_in_the_order_of_the_others(seed: int) -> None:
    draw = random.Random(seed)
    lists = [hits_of(name, draw.sample([f"i{number:02}" for number in range(60)], 30)) for name in "abc"]
    cold = hits_of("cold", [f"c{number}" for number in range(draw.randrange(12))])
    fused = fuse([*lists, cold], 20, KEEPING)
    others = [item_id for item_id in ids(fused) if item_id.startswith("i")]
    assert others == ids(fuse(lists, 20))[: len(others)]
    assert len(others) == 20 - min(len(cold), 4)


def test_every_hit_of_an_item_is_kept_in_the_order_of_the_lists() -> None:
    (both, _, _) = fuse([hits_of("a", ["x", "y"]), hits_of("b", ["y", "z"])], 10)
    assert both.hits == (SourceHit("a", 2, 0.5), SourceHit("b", 1, 1.0))


def test_items_with_the_same_ranks_come_in_order_of_id() -> None:
    assert ids(fuse([hits_of("a", ["zebra"]), hits_of("b", ["ant"]), hits_of("c", ["mole"])], 10)) == [
        "ant",
        "mole",
        "zebra",
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_sources_does_not_change_the_order_of_the_items(seed: int) -> None:
    draw = random.Random(seed)
    catalogue = [f"i{number}" for number in range(30)]
    lists = [hits_of(name, draw.sample(catalogue, 20)) for name in "abcde"]
    expected = [(one.item_id, one.rank, one.score) for one in fuse(lists, 100)]
    draw.shuffle(lists)
    assert [(one.item_id, one.rank, one.score) for one in fuse(lists, 100)] == expected


@pytest.mark.parametrize("seed", range(5))
def test_a_limit_cuts_the_end_only(seed: int) -> None:
    draw = random.Random(seed)
    lists = [hits_of(name, draw.sample([f"i{number}" for number in range(30)], 12)) for name in "abc"]
    everything = fuse(lists, 100)
    assert [one.rank for one in everything] == list(range(1, len(everything) + 1))
    assert fuse(lists, 7) == everything[:7]


def test_nothing_fuses_to_nothing() -> None:
    assert fuse([], 10) == []
    assert fuse([[], []], 10) == []


async def test_sources_are_asked_side_by_side() -> None:
    first, second = waiting("a", "x"), waiting("b", "y")
    asked = asyncio.create_task(Blend([first, second]).fetch(QUERY, (), Budget(BUDGET_S)))
    async with asyncio.timeout(BUDGET_S):
        while not (first.budgets and second.budgets):
            await asyncio.sleep(0)
    for source in (first, second):
        assert source.gate is not None
        source.gate.set()
    candidates, degradations = await asked
    assert (ids(candidates), degradations) == (["x", "y"], [])


async def test_every_source_gets_the_same_slice_of_the_budget() -> None:
    sources = [Scripted("a", "x"), Scripted("b", "y")]
    await Blend(sources, BlendSettings(source_share=0.5)).fetch(QUERY, (), Budget(BUDGET_S))
    for source in sources:
        (left_s,) = source.budgets
        assert BUDGET_S / 3 < left_s <= BUDGET_S / 2


async def test_only_named_sources_that_fit_are_asked() -> None:
    sources = [Scripted("a", "x"), Scripted("b", "y"), Scripted("c", "z", fits=False)]
    blend = Blend(sources)
    assert blend.names == ("a", "b", "c")
    assert ids((await blend.fetch(QUERY, (), Budget(BUDGET_S)))[0]) == ["x", "y"]
    assert ids((await blend.fetch(QUERY, ("b", "c"), Budget(BUDGET_S)))[0]) == ["y"]
    assert (await blend.fetch(QUERY, ("c",), Budget(BUDGET_S))) == ([], [])
    assert [len(source.budgets) for source in sources] == [1, 2, 0]


async def test_a_late_source_is_left_behind_told_and_cancelled() -> None:
    late = waiting("late", "y")
    blend = Blend([Scripted("a", "x"), late], BlendSettings(source_share=0.01))
    candidates, (degradation,) = await blend.fetch(QUERY, (), Budget(10.0))
    assert ids(candidates) == ["x"]
    assert degradation.reason is Reason.SOURCE_UNAVAILABLE
    assert degradation.detail.startswith("late: no answer within its slice of ")
    async with asyncio.timeout(BUDGET_S):
        await late.left.wait()


@pytest.mark.parametrize(
    "fault",
    [
        StoreUnavailable("no database"),
        ModelUnavailable("no model"),
        ModelOverloaded("the queue is full"),
        DeadlineTooShort("too late"),
        ModelAnswerInvalid("three dimensions"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_source_that_is_away_is_dropped_and_told(fault: CrossrankError) -> None:
    blend = Blend([Scripted("broken", fault=fault), Scripted("a", "x")])
    candidates, (degradation,) = await blend.fetch(QUERY, (), Budget(BUDGET_S))
    assert ids(candidates) == ["x"]
    assert (degradation.reason, degradation.detail) == (Reason.SOURCE_UNAVAILABLE, f"broken: {fault.message}")


@pytest.mark.parametrize(
    "fault",
    [InvalidRequest(Violation("filters", "no")), ModelMismatch("another model"), ZeroDivisionError("a bug")],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_is_no_outage_is_never_hidden_behind_other_sources(fault: Exception) -> None:
    blend = Blend([Scripted("a", "x"), Scripted("broken", fault=fault)])
    with pytest.raises(type(fault)):
        await blend.fetch(QUERY, (), Budget(BUDGET_S))


async def test_when_all_sources_fail_the_first_fault_is_raised() -> None:
    blend = Blend([Scripted("a", fault=StoreUnavailable("first")), Scripted("b", fault=ModelUnavailable("second"))])
    with pytest.raises(StoreUnavailable, match=r"^first$"):
        await blend.fetch(QUERY, (), Budget(BUDGET_S))


async def test_an_empty_answer_is_an_answer() -> None:
    candidates, degradations = await Blend([Scripted("a")]).fetch(QUERY, (), Budget(BUDGET_S))
    assert (candidates, degradations) == ([], [])


async def test_the_fallback_answers_when_no_source_could_and_the_faults_are_told() -> None:
    popular = Scripted("popular", "p")
    blend = Blend([Scripted("a", fault=ModelUnavailable("no model"))], fallback=popular)
    candidates, (degradation,) = await blend.fetch(QUERY, (), Budget(BUDGET_S))
    assert ids(candidates) == ["p"]
    assert degradation.detail == "a: no model"


async def test_the_fallback_rests_while_a_source_answers_and_is_not_asked_twice() -> None:
    popular = Scripted("popular", "p")
    await Blend([Scripted("a", "x"), Scripted("b", fault=ModelUnavailable("b"))], fallback=popular).fetch(
        QUERY, (), Budget(BUDGET_S)
    )
    assert popular.budgets == []
    broken = Scripted("popular", fault=StoreUnavailable("no database"))
    with pytest.raises(StoreUnavailable):
        await Blend([broken], fallback=broken).fetch(QUERY, (), Budget(BUDGET_S))
    assert len(broken.budgets) == 1


async def test_when_the_fallback_fails_too_the_first_fault_is_raised() -> None:
    broken = Scripted("popular", fault=StoreUnavailable("second"))
    blend = Blend([Scripted("a", fault=ModelUnavailable("first"))], fallback=broken)
    with pytest.raises(ModelUnavailable, match=r"^first$"):
        await blend.fetch(QUERY, (), Budget(BUDGET_S))


async def test_a_caller_that_leaves_takes_its_sources_along() -> None:
    source = waiting("a", "x")
    asked = asyncio.create_task(Blend([source]).fetch(QUERY, (), Budget(BUDGET_S)))
    async with asyncio.timeout(BUDGET_S):
        while not source.budgets:
            await asyncio.sleep(0)
        asked.cancel()
        await source.left.wait()
    with pytest.raises(asyncio.CancelledError):
        await asked
