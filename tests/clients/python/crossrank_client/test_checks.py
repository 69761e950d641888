"""No value that a message cannot hold leaves the client: a table of all fields of all requests."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
import pytest

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2
from crossrank_client import (
    AnyOf,
    Candidate,
    CandidateOptions,
    Context,
    CrossrankClient,
    CrossrankRequestInvalid,
    DiversityCap,
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
)

NAN, INF = float("nan"), float("inf")
NOTHING: Any = None
TEXT = (None, 7, NAN, b"x", ("x",), "\ud800", "Alien \udfff")
NUMBER = (NAN, INF, -INF, "1", True, 10**400, 1j)
WHOLE = (None, NAN, 1.5, True, -1, 2**32, "1")
FLAG = (None, NAN, 1, "yes")
SEVERAL = (None, NAN, "abc", b"abc")
VALUE: tuple[Any, ...] = (None, b"x", ["x"], {})
TIME = (NAN, "2026-01-02", 0, datetime(2026, 1, 2))
Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Field:
    """A field by its path, how to ask with a value in it, and values that it cannot hold."""

    path: str
    ask: Callable[[CrossrankClient, Any], Any]
    refused: tuple[Any, ...]


Row = Callable[[str, Make, tuple[Any, ...]], Field]


def _context(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(f"context{path}", lambda client, value: client.recommend(make(value)), refused)


def _candidate(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(f"candidates[1]{path}", lambda client, value: client.rerank(User("u"), ["1", make(value)]), refused)


def _source(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(f"candidates.{path}", lambda client, value: client.similar_items("1", candidates=make(value)), refused)


def _source_filter(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return _source(f"filters[0]{path}", lambda value: CandidateOptions(filters=(make(value),)), refused)


def _option(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(
        f"options.{path}",
        lambda client, value: _first(client.recommend_stream(User("u"), options=make(value))),
        refused,
    )


def _item(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(f"items[1]{path}", lambda client, value: client.upsert_items([Item("1"), make(value)]), refused)


def _filter(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(f"filters[0]{path}", lambda client, value: _first(client.list_items(filters=[make(value)])), refused)


def _interaction(path: str, make: Make, refused: tuple[Any, ...]) -> Field:
    return Field(
        f"interactions[1]{path}",
        lambda client, value: client.record_interactions([Interaction("u", "1", "click"), make(value)]),
        refused,
    )


async def _first(answers: AsyncIterator[Any]) -> Any:
    return await anext(answers)


def _same(value: Any) -> Any:
    return value


def _attribute_rows(row: Row, path: str, make: Make) -> list[Field]:
    """The rows of one attribute value, whose kind is that of what is given."""
    return [
        row(path, make, VALUE),
        row(f"{path}.text", make, ("\ud800",)),
        row(f"{path}.number", make, (NAN, INF, 10**400)),
        row(f"{path}.labels.values[1]", lambda value: make(("a", value)), TEXT),
    ]


def _filter_rows(row: Row) -> list[Field]:
    return [
        row("", _same, (None, "x", NAN)),
        row(".attribute", lambda value: Equals(value, "x"), TEXT),
        *_attribute_rows(row, ".equals", lambda value: Equals("year", value)),
        row(".any_of.values", lambda value: AnyOf("genres", value), SEVERAL),
        row(".any_of.values[1]", lambda value: AnyOf("genres", ("war", value)), TEXT),
        row(".in_range.minimum", lambda value: InRange("year", minimum=value), NUMBER),
        row(".in_range.maximum", lambda value: InRange("year", maximum=value), NUMBER),
    ]


FIELDS = [
    _context("", _same, (None, "u", NAN, Candidate("1"))),
    _context("", Context, (None, "u")),
    _context(".user_id", User, TEXT),
    _context(".query", Query, TEXT),
    _context(".seed_item_id", Seed, TEXT),
    _context(".history.events", History, SEVERAL),
    _context(".history.events[1]", lambda value: History((HistoryEvent("1"), value)), (None, "1", NAN)),
    _context(".history.events[1].item_id", lambda value: History.of("1", value), TEXT),
    _context(".history.events[0].fields", lambda value: History((HistoryEvent("1", value),)), (None, NAN, "x", ["x"])),
    _context(".history.events[0].fields['t']", lambda value: History((HistoryEvent("1", {"t": value}),)), TEXT),
    _context(".session_query", lambda value: Context(User("u"), session_query=value), TEXT),
    _context(".surface", lambda value: Context(User("u"), surface=value), TEXT),
    _context(".locale", lambda value: Context(User("u"), locale=value), TEXT),
    _context(".features", lambda value: Context(User("u"), features=value), (None, NAN, "x", ["x"])),
    *_attribute_rows(_context, ".features['hour']", lambda value: Context(User("u"), features={"hour": value})),
    Field("candidates", lambda client, value: client.rerank(User("u"), value), SEVERAL),
    _candidate("", _same, (None, 7, NAN, b"x", ("x",))),
    _candidate(".item_id", _same, ("\ud800",)),
    _candidate(".item_id", Candidate, TEXT),
    _candidate(".fields", lambda value: Candidate("1", value), (None, NAN, "x", ["x"])),
    _candidate(".fields['title']", lambda value: Candidate("1", {"title": value}), TEXT),
    _candidate(".fields['\\ud800'].key", lambda value: Candidate("1", {value: "x"}), ("\ud800",)),
    _candidate(".fields[7].key", lambda value: Candidate("1", {value: "x"}), (7,)),
    _candidate(".first_stage_score", lambda value: Candidate("1", first_stage_score=value), NUMBER),
    Field("item_id", lambda client, value: client.similar_items(value), TEXT),
    Field("candidates", lambda client, value: client.recommend(User("u"), candidates=value), (None, NAN, ["1"])),
    _source("sources", lambda value: CandidateOptions(sources=value), SEVERAL),
    _source("sources[1]", lambda value: CandidateOptions(sources=("popular", value)), TEXT),
    _source("limit", lambda value: CandidateOptions(limit=value), WHOLE),
    _source("filters", lambda value: CandidateOptions(filters=value), SEVERAL),
    *_filter_rows(_source_filter),
    _source("exclude_item_ids", lambda value: CandidateOptions(exclude_item_ids=value), SEVERAL),
    _source("exclude_item_ids[1]", lambda value: CandidateOptions(exclude_item_ids=("1", value)), TEXT),
    _source("include_seen", lambda value: CandidateOptions(include_seen=value), FLAG),
    Field("options", lambda client, value: client.recommend(User("u"), options=value), (None, NAN, 3)),
    _option("top_n", lambda value: RankingOptions(top_n=value), WHOLE),
    _option("min_score", lambda value: RankingOptions(min_score=value), NUMBER),
    _option("batch", lambda value: RankingOptions(batch=value), FLAG),
    _option("require_rerank", lambda value: RankingOptions(require_rerank=value), FLAG),
    _option("return_items", lambda value: RankingOptions(return_items=value), FLAG),
    _option("reject_long_items", lambda value: RankingOptions(reject_long_items=value), FLAG),
    _option("model", lambda value: RankingOptions(model=value), TEXT),
    _option("explain", lambda value: RankingOptions(explain=value), FLAG),
    _option("reading", lambda value: RankingOptions(reading=value), ("ALWAYS", 1, None, True)),
    _option("first_stage_order", lambda value: RankingOptions(first_stage_order=value), FLAG),
    _option("diversity_cap", lambda value: RankingOptions(diversity_cap=value), (NAN, "author", 2)),
    _option("diversity_cap.attribute", lambda value: RankingOptions(diversity_cap=DiversityCap(value, 2)), TEXT),
    _option("diversity_cap.maximum", lambda value: RankingOptions(diversity_cap=DiversityCap("author", value)), WHOLE),
    Field("items", lambda client, value: client.upsert_items(value), SEVERAL),
    _item("", _same, (None, "1", NAN)),
    _item(".item_id", Item, TEXT),
    _item(".fields", lambda value: Item("1", value), (None, NAN, "x", ["x"])),
    _item(".fields['title']", lambda value: Item("1", {"title": value}), TEXT),
    _item(".attributes", lambda value: Item("1", attributes=value), (None, NAN, "x", ["x"])),
    *_attribute_rows(_item, ".attributes['year']", lambda value: Item("1", attributes={"year": value})),
    Field("item_ids", lambda client, value: client.delete_items(value), SEVERAL),
    Field("item_ids[1]", lambda client, value: client.delete_items(["1", value]), TEXT),
    Field("item_ids[1]", lambda client, value: client.get_items(["1", value]), TEXT),
    Field("page_size", lambda client, value: _first(client.list_items(page_size=value)), WHOLE),
    Field("filters", lambda client, value: _first(client.list_items(filters=value)), SEVERAL),
    *_filter_rows(_filter),
    Field("interactions", lambda client, value: client.record_interactions(value), SEVERAL),
    _interaction("", _same, (None, "1", NAN)),
    _interaction(".user_id", lambda value: Interaction(value, "1", "click"), TEXT),
    _interaction(".item_id", lambda value: Interaction("u", value, "click"), TEXT),
    _interaction(".event", lambda value: Interaction("u", "1", value), TEXT),
    _interaction(".weight", lambda value: Interaction("u", "1", "click", weight=value), NUMBER),
    _interaction(".time", lambda value: Interaction("u", "1", "click", time=value), TIME),
    _interaction(".attribution_token", lambda value: Interaction("u", "1", "click", attribution_token=value), TEXT),
    Field("service", lambda client, value: client.health(value), TEXT),
    Field("request_id", lambda client, value: client.get_info(request_id=value), (7, b"x", "\ud800", "ä", "a\nb")),
]
REQUESTS = (
    ranking_pb2.RerankRequest,
    ranking_pb2.RecommendRequest,
    ranking_pb2.SimilarItemsRequest,
    ranking_pb2.RecommendStreamRequest,
    catalog_pb2.UpsertItemsRequest,
    catalog_pb2.DeleteItemsRequest,
    catalog_pb2.GetItemsRequest,
    catalog_pb2.ListItemsRequest,
    feedback_pb2.RecordInteractionsRequest,
)
SAID_OTHERWISE = {"options.priority": "options.batch", "options.truncation_policy": "options.reject_long_items"}
NOT_REFUSED = {"page_token", "flag"}
"""The client's own, and the kind of an attribute that only True and False are."""


@pytest.mark.parametrize(
    ("field", "value"),
    [pytest.param(one, value, id=f"{one.path} {value!a:.30}") for one in FIELDS for value in one.refused],
)
async def test_a_value_that_no_message_holds_is_refused_by_the_path_of_its_field(
    client: CrossrankClient, field: Field, value: Any
) -> None:
    with pytest.raises(CrossrankRequestInvalid) as raised:
        await field.ask(client, value)
    (violation,) = raised.value.violations
    assert violation.field == field.path
    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.reason == "INVALID_REQUEST"
    assert str(raised.value) == f"INVALID_ARGUMENT: not sent: {field.path}: {violation.description}"


def test_no_field_of_any_request_is_without_a_row() -> None:
    tested = {re.sub(r"\[[^]]*\]", "", field.path) for field in FIELDS}
    missing = {path for message in REQUESTS for path in _leaves(message.DESCRIPTOR)} - tested
    assert missing == set()


@pytest.mark.parametrize(
    ("candidate", "description"),
    [
        (Candidate("1", first_stage_score=NAN), "received nan (float); a finite number"),
        (Candidate("1", {"title": NOTHING}), "received None (NoneType); a text (str)"),
        (
            Candidate("1", {"title": "ab\ud800"}),
            r"received 'ab\ud800' (str); a text without lone surrogates: remove U+D800 at position 2",
        ),
        (Candidate("x" * 10_000, first_stage_score=INF), "received inf (float); a finite number"),
    ],
)
async def test_the_description_names_the_value_and_what_is_expected(
    client: CrossrankClient, candidate: Candidate, description: str
) -> None:
    with pytest.raises(CrossrankRequestInvalid) as raised:
        await client.rerank(User("u"), [candidate])
    assert raised.value.violations[0].description == description


async def test_a_huge_value_is_not_quoted_whole(client: CrossrankClient) -> None:
    with pytest.raises(CrossrankRequestInvalid) as raised:
        await client.rerank(User("u"), ["x" * 1_000_000 + "\ud800"])
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "time",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
    ],
)
async def test_a_time_outside_the_calendar_of_utc_is_refused(client: CrossrankClient, time: datetime) -> None:
    with pytest.raises(CrossrankRequestInvalid, match=r"interactions\[0\].time.*years 1 to 9999"):
        await client.record_interactions([Interaction("u", "1", "click", time=time)])


def _leaves(message: Any, path: str = "") -> set[str]:
    """Paths of all fields below a message's descriptor, without positions and keys."""
    found: set[str] = set()
    for one in message.fields:
        at = f"{path}.{one.name}".lstrip(".")
        below = one.message_type
        if below is not None and below.GetOptions().map_entry:
            below = below.fields_by_name["value"].message_type
        if below is None or below.full_name.startswith("google."):
            found.add(SAID_OTHERWISE.get(at, at))
        else:
            found |= _leaves(below, at)
    return {leaf for leaf in found if leaf.rpartition(".")[2] not in NOT_REFUSED}
