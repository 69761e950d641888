"""Whatever a caller gives, a message is made of it that can be read back, or it is refused."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossrank.v1 import catalog_pb2, ranking_pb2
from crossrank_client import (
    AnyOf,
    Candidate,
    CandidateOptions,
    Context,
    CrossrankRequestInvalid,
    Equals,
    History,
    HistoryEvent,
    InRange,
    Interaction,
    Item,
    Query,
    RankingOptions,
    Seed,
    User,
    checks,
    to_wire,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    ANY_TEXT,
    st.binary(),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
)
ANYTHING = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.lists(SCALARS, max_size=2).map(tuple),
    st.dictionaries(ANY_TEXT | st.integers(), SCALARS, max_size=2),
)


def _values(kind: type) -> st.SearchStrategy[Any]:
    """Objects of a dataclass with anything in their fields, or sometimes anything else."""
    return st.builds(kind, *[ANYTHING] * len(fields(kind))) | ANYTHING


SUBJECTS = st.one_of(*map(_values, (User, Query, Seed, History))) | st.builds(
    History, st.lists(_values(HistoryEvent), max_size=2).map(tuple)
)
CONTEXTS = SUBJECTS | st.builds(Context, SUBJECTS, *[ANYTHING] * 3, st.dictionaries(ANY_TEXT, ANYTHING, max_size=2))
FILTERS = st.lists(st.one_of(*map(_values, (Equals, AnyOf, InRange))), max_size=2)
REQUESTS_OF_ANYTHING: list[st.SearchStrategy[Callable[[], Message]]] = [
    st.builds(
        lambda context, candidates, options: (
            lambda: ranking_pb2.RerankRequest(
                context=to_wire.context_message(context),
                candidates=to_wire.candidate_messages(candidates),
                options=to_wire.ranking_options_message(options),
            )
        ),
        CONTEXTS,
        st.lists(_values(Candidate), max_size=2),
        _values(RankingOptions),
    ),
    st.builds(
        lambda context, candidates: (
            lambda: ranking_pb2.RecommendRequest(
                context=to_wire.context_message(context), candidates=to_wire.candidate_options_message(candidates)
            )
        ),
        CONTEXTS,
        _values(CandidateOptions),
    ),
    st.builds(
        lambda filters, size: (
            lambda: catalog_pb2.ListItemsRequest(
                page_size=checks.whole("page_size", size), filters=to_wire.filter_messages("filters", filters)
            )
        ),
        FILTERS,
        ANYTHING,
    ),
    st.builds(lambda item: lambda: to_wire.item_message("items[0]", item), _values(Item)),
    st.builds(lambda one: lambda: to_wire.interaction_message("interactions[0]", one), _values(Interaction)),
]


@given(data=st.data())
@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("number", range(len(REQUESTS_OF_ANYTHING)))
def test_whatever_stands_in_a_request_it_is_refused_or_can_be_read_back(number: int, data: st.DataObject) -> None:
    """No other error, and no NaN: a message with one is not equal to itself."""
    request = data.draw(REQUESTS_OF_ANYTHING[number])
    with suppress(CrossrankRequestInvalid):
        message = request()
        assert type(message).FromString(message.SerializeToString()) == message
