"""The contract of every CandidateFetcher: one list of all sources, and a fault only when no source could answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from gateway.candidates.blend import Blend
from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, StoreUnavailable
from gateway.domain.values import Candidate, CandidateQuery, HistoryEvent
from gateway.ports import CandidateFetcher
from tests.fakes.catalogues import did
from tests.fakes.sources import MemoryPopular
from tests.gateway.rig import CATALOGUE, Shelf

EVERYTHING = CandidateQuery(limit=100, history=(HistoryEvent("m0"), HistoryEvent("m1")), seen_by="u1")


@dataclass(frozen=True)
class Fetching:
    """A fetcher of one source, and how to make that source fail."""

    fetcher: CandidateFetcher
    fail: Callable[[CrossrankError], None]

    async def candidates(self, query: CandidateQuery, *sources: str) -> Sequence[Candidate]:
        found, degradations = await self.fetcher.fetch(query, sources, Budget(10))
        assert not degradations
        return found


class Breakable(MemoryPopular):
    """Popular items, of which every second was liked twice, until there is a fault."""

    def __init__(self) -> None:
        likes = [did(f"fan{fan}", item_id) for item_id in CATALOGUE for fan in range(1 + int(item_id[1:]) % 2)]
        super().__init__(list(CATALOGUE.values()), [*likes, did("u1", "m0"), did("u1", "m1")])
        self.fault: CrossrankError | None = None

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        if self.fault is not None:
            raise self.fault
        return await super().fetch(query, budget)


def _fake() -> Fetching:
    shelf = Shelf()
    return Fetching(shelf, lambda fault: shelf.faults.update(fetch=fault))


def _blend() -> Fetching:
    source = Breakable()
    return Fetching(Blend([source]), lambda fault: setattr(source, "fault", fault))


@pytest.fixture(params=[_fake, _blend], ids=["fake", "blend"])
def fetching(request: pytest.FixtureRequest) -> Fetching:
    made: Fetching = request.param()
    return made


async def test_candidates_are_ranked_from_one_and_each_tells_its_sources(fetching: Fetching) -> None:
    found = await fetching.candidates(EVERYTHING)
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert {hit.source for one in found for hit in one.hits} == set(fetching.fetcher.names)


async def test_everything_that_was_not_seen_comes_once(fetching: Fetching) -> None:
    found = [one.item_id for one in await fetching.candidates(EVERYTHING)]
    assert len(found) == len(set(found))
    assert set(found) == CATALOGUE.keys() - {"m0", "m1"}


async def test_a_smaller_limit_gives_the_beginning_of_the_same_list(fetching: Fetching) -> None:
    everything = [one.item_id for one in await fetching.candidates(EVERYTHING)]
    for limit in (1, 4):
        found = await fetching.candidates(replace(EVERYTHING, limit=limit))
        assert [one.item_id for one in found] == everything[:limit]


async def test_an_excluded_item_is_never_proposed(fetching: Fetching) -> None:
    found = await fetching.candidates(replace(EVERYTHING, exclude=frozenset({"m3", "unknown"})))
    assert "m3" not in {one.item_id for one in found}


async def test_naming_all_sources_is_naming_none(fetching: Fetching) -> None:
    assert await fetching.candidates(EVERYTHING, *fetching.fetcher.names) == await fetching.candidates(EVERYTHING)


async def test_when_no_source_can_answer_its_fault_is_raised(fetching: Fetching) -> None:
    fetching.fail(StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable, match=r"^away$"):
        await fetching.candidates(EVERYTHING)
