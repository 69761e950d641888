"""Training reads of a history what a gateway reads of it, and knows which tokens are whose."""

from dataclasses import replace

import pytest

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields
from gateway.encoding.spec import ContextSpec, HistoryChoice, HistoryOrder
from gateway.ranker.features import HISTORY_EVENTS
from tests.fakes.specs import small_spec
from tests.fakes.tokenizers import bert_like
from tests.training.histories import oldest_first
from training.model.pair_table import PairTable, context_key

FIELDS = {
    "socks": {"title": "toy"},
    "more socks": {"title": "toy"},
    "untitled": {"title": ""},
    "coat": {"title": "heat", "year": "1995"},
    "hat": {"title": "alien"},
}
HISTORY = ("hat", "coat", "untitled", "more socks", "socks")
"""Oldest first."""


CONTEXT = small_spec().context


def table_of(context: ContextSpec, fields: dict[str, dict[str, str]]) -> PairTable:
    return PairTable(PairEncoder(replace(small_spec(), context=context), bert_like()), fields)


@pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
@pytest.mark.parametrize(
    ("choice", "expected"),
    [("newest", ["socks", "more socks", "coat"]), ("distinct", ["socks", "coat", "hat"])],
)
def test_spans_name_the_tokens_of_the_chosen_items_newest_first_in_whatever_order_they_are_read(
    order: HistoryOrder, choice: HistoryChoice, expected: list[str]
) -> None:
    table = table_of(replace(CONTEXT, history_items=3, history_order=order, history_choice=choice), FIELDS)
    key = context_key(oldest_first(*HISTORY))
    token_ids = table.encode(key, "hat").token_ids
    spans = table.spans(key, "hat")
    assert [name for name, _, _ in spans] == [*expected, "hat"]
    assert [HISTORY[::-1][place] for place in table.context(key).history_places] == expected
    starts = [start for _, start, _ in spans[:-1]]
    assert starts == sorted(starts, reverse=order == "oldest_first")
    for name, start, stop in spans[:-1]:
        alone = table.encoder.encode_context(ContextFields(history=[FIELDS[name]]))
        assert token_ids[start:stop] == alone.token_ids


def test_no_history_is_read_that_lies_further_back_than_a_gateway_reads() -> None:
    names = [f"i{number}" for number in range(HISTORY_EVENTS + 1)]
    fields = {name: {"title": "toy"} for name in names} | {"i0": {"title": "heat"}, "i1": {"title": "alien"}}
    table = table_of(replace(CONTEXT, history_choice="distinct"), fields)
    assert table.context(context_key(oldest_first(*names))).text == "toy | alien", (
        "i0 is the 51st, counted from the newest"
    )
