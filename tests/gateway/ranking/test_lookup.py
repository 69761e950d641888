"""Signals of a request are those of its candidates and of its history; where they are away the answer says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from gateway.domain.budget import Budget, Call
from gateway.domain.values import Candidate, Context, HistoryEvent, RankingOptions, Reason
from gateway.ranker.signals import NOTHING, ItemSignals
from gateway.ranking.lookup import read_signals
from gateway.ranking.request import Request
from gateway.telemetry.stages import StageClock
from tests.fakes.signals import MemorySignals, liked

CANDIDATES = [Candidate(item_id, rank, 0.0) for rank, item_id in enumerate("ab", start=1)]


@pytest.fixture
def request_() -> Request:
    """A request with a history of two items, one of them unknown."""
    request = Request(Context(user_id="u"), RankingOptions(), Call("r", Budget(5.0)), StageClock(), None)
    request.history = (HistoryEvent("h"), HistoryEvent("unknown"))
    return request


@pytest.fixture
def signals() -> MemorySignals:
    random = np.random.default_rng(1)
    return MemorySignals({item_id: liked(random) for item_id in "abh"})


@dataclass
class Apart(MemorySignals):
    """Knows ``whole`` of an item of a history, and less of a candidate."""

    whole: ItemSignals = NOTHING

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        return dict.fromkeys(item_ids, self.whole)


async def test_candidates_and_history_are_read_each_as_what_they_are(request_: Request, signals: MemorySignals) -> None:
    found = await read_signals(request_, CANDIDATES, signals)
    assert set(found) == {"a", "b", "h"}
    assert signals.asked_of_candidates == [("a", "b")]
    assert signals.asked_of_history == [("h", "unknown")]
    assert request_.degraded == []


async def test_an_item_that_is_both_has_the_neighbours_of_a_history_item(
    request_: Request, signals: MemorySignals
) -> None:
    whole = liked(np.random.default_rng(2), {"a": [1.0, 2.0, 3.0]})
    found = await read_signals(request_, [Candidate("h", 1, 0.0)], Apart(signals.signals, whole=whole))
    assert found["h"] is whole


async def test_signals_that_cannot_be_read_are_none_and_the_answer_says_so(
    request_: Request, signals: MemorySignals
) -> None:
    signals.away = True
    assert await read_signals(request_, CANDIDATES, signals) == {}
    assert [one.reason for one in request_.degraded] == [Reason.SIGNALS_UNAVAILABLE]
