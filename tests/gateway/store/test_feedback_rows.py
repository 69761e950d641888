"""What the stores leave in the tables, for training and for people, and how they behave side by side."""

import asyncio
from itertools import permutations

import psycopg
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.order import Orderer, RequestKind
from gateway.domain.values import Context, Degradation, HistoryEvent, Impression, ModelIdentity, Reason, ScoredItem
from gateway.store.feedback import MAX_CONTEXT_BYTES, PostgresFeedbackStore, fields_digest
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film, indexed, with_attributes

SOON_S = 60.0
CONTEXT = Context(
    history=(HistoryEvent("a"), HistoryEvent("inline", {"title": "Heat"})),
    session_query="space",
    surface="home",
    features={"hour": 7.0, "weekend": True, "tags": ("x", "y")},
)


async def test_an_impression_keeps_the_question_the_version_and_both_orders(database: Database) -> None:
    items = [ScoredItem("b", 1, 2, 1.25, 0.75), ScoredItem("a", 2, 1, None, None)]
    model, degraded = ModelIdentity("cross_encoder", "3", "f1"), (Degradation(Reason.DEADLINE, "1 item"),)
    kind, orderer = RequestKind.INLINE, Orderer("ranker", "1f0c")
    impression = Impression("token", "request-1", CONTEXT, model, items, degraded, kind, orderer)
    await PostgresFeedbackStore(database).record_impression(impression, Budget(SOON_S))
    columns = "request_id, context, model, version, fingerprint, degraded, now() - time < interval '1 hour'"
    columns += ", kind, orderer, orderer_version"
    [row] = await database.fetch(
        f"SELECT {columns} FROM impressions WHERE attribution_token = 'token'", [], Budget(SOON_S)
    )
    document = {
        "history": [{"item_id": "a"}, {"item_id": "inline", "fields_digest": fields_digest({"title": "Heat"})}],
        "session_query": "space",
        "surface": "home",
        "features": {"hour": 7.0, "weekend": True, "tags": ["x", "y"]},
    }
    assert row == (
        "request-1", document, "cross_encoder", "3", "f1", [{"reason": "DEADLINE", "detail": "1 item"}], True,
        "inline", "ranker", "1f0c",
    )  # fmt: skip
    shown = "SELECT item_id, rank, first_stage_rank, logit, score FROM shown_items ORDER BY rank"
    assert await database.fetch(shown, [], Budget(SOON_S)) == [("b", 1, 2, 1.25, 0.75), ("a", 2, 1, None, None)]


LONG_IDS = tuple(HistoryEvent(f"{number:03d}" + "ü" * 126, {"title": "x" * 10_000}) for number in range(200))
MANY_LABELS = {f"f{number}": ("y" * 256,) * 64 for number in range(32)}


@pytest.mark.parametrize(
    ("context", "cut"),
    [
        (Context(history=LONG_IDS), ["history"]),
        (Context(user_id="u", features=MANY_LABELS), ["features"]),
        (Context(history=LONG_IDS, features=MANY_LABELS), ["features", "history"]),
        (Context(query="ü" * 1024, features=MANY_LABELS), ["features"]),
    ],
)
async def test_a_question_of_any_size_takes_bounded_room_and_says_what_was_cut(
    database: Database, context: Context, cut: list[str]
) -> None:
    impression = Impression("token", "r", context, ModelIdentity("m", "1", "f"), [])
    await PostgresFeedbackStore(database).record_impression(impression, Budget(SOON_S))
    [(document, size)] = await database.fetch(
        "SELECT context, octet_length(context::text) FROM impressions", [], Budget(SOON_S)
    )
    assert size <= MAX_CONTEXT_BYTES
    assert document["cut"] == cut
    assert (document.get("user_id"), document.get("query")) == (context.user_id, context.query)
    if context.history:
        kept = [event["item_id"] for event in document["history"]]
        assert 0 < len(kept) < len(LONG_IDS)
        assert kept == [event.item_id for event in LONG_IDS[: len(kept)]], "the newest"


async def test_the_texts_of_a_history_tell_by_their_digests_whether_they_are_the_same() -> None:
    digests = {
        fields_digest({"title": "Heat", "year": "1995"}),
        fields_digest({"year": "1995", "title": "Heat"}),
        fields_digest({"title": "Heat", "year": "1996"}),
        fields_digest({"title": "Heatyear", "": "1995"}),
        fields_digest({}),
    }
    assert len(digests) == 4


async def test_training_can_join_what_users_did_to_what_they_saw(database: Database) -> None:
    await PostgresItemStore(database).upsert([indexed(film("a")), indexed(film("b"))], Budget(SOON_S))
    feedback = PostgresFeedbackStore(database)
    items = [ScoredItem("a", 1, 2, 0.5, 0.6), ScoredItem("b", 2, 1, 0.1, 0.5)]
    await feedback.record_impression(
        Impression("t", "r", Context(user_id="u"), ModelIdentity("m", "1", "f"), items), Budget(SOON_S)
    )
    await feedback.record_interactions([did("u", "b", token="t"), did("u", "a", token="other")], Budget(SOON_S))
    joined = """
        SELECT shown.item_id, shown.rank, interactions.weight FROM shown_items AS shown
        LEFT JOIN interactions USING (attribution_token, item_id) ORDER BY shown.rank
    """
    assert await database.fetch(joined, [], Budget(SOON_S)) == [("a", 1, None), ("b", 2, 1.0)]


async def test_a_vector_stays_when_only_attributes_change_and_goes_with_the_text(database: Database) -> None:
    items, vector = PostgresItemStore(database), "SELECT embedding::real[] FROM items"
    await items.upsert([indexed(film("a", "heat"))], Budget(SOON_S))
    before = await database.fetch(vector, [], Budget(SOON_S))
    await items.upsert([indexed(with_attributes(film("a", "heat"), {"year": 1.0}), embedded=False)], Budget(SOON_S))
    assert await database.fetch(vector, [], Budget(SOON_S)) == before
    await items.upsert([indexed(film("a", "jaws"))], Budget(SOON_S))
    assert await database.fetch(vector, [], Budget(SOON_S)) != before


async def test_writers_of_the_same_items_in_any_order_do_not_block_each_other_forever(database: Database) -> None:
    items = PostgresItemStore(database)
    batches = [
        [indexed(film(item_id, f"{item_id} {number}")) for item_id in order]
        for number, order in enumerate(permutations("abcd"))
    ]
    counts = await asyncio.gather(*[items.upsert(batch, Budget(60)) for batch in batches])
    assert sum(one.inserted for one in counts) == 4
    assert sum(one.updated for one in counts) == 4 * (len(batches) - 1)
    titles = {item.fields["title"].split()[1] for item in (await items.get(list("abcd"), Budget(SOON_S))).values()}
    assert len(titles) == 1  # the last batch as a whole


async def test_the_same_feedback_from_many_callers_is_stored_once(database: Database) -> None:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in "abcd"], Budget(SOON_S))
    feedback = PostgresFeedbackStore(database)
    orders = [[did("u", item_id) for item_id in "abcd"] for _ in range(12)]
    answers = await asyncio.gather(*[feedback.record_interactions(order, Budget(60)) for order in orders])
    assert sum(recorded for recorded, _ in answers) == 4


async def test_a_read_only_server_refuses_writes_and_answers_reads(database: Database, postgres: str) -> None:
    await PostgresItemStore(database).upsert([indexed(film("a"))], Budget(SOON_S))
    read_only = Database(
        psycopg.conninfo.make_conninfo(postgres, options="-c default_transaction_read_only=on"), connections=1
    )
    await read_only.open()
    try:
        items, feedback = PostgresItemStore(read_only), PostgresFeedbackStore(read_only)
        assert list(await items.get(["a"], Budget(SOON_S))) == ["a"]
        with pytest.raises(StoreUnavailable, match="read-only"):
            await items.upsert([indexed(film("b"))], Budget(SOON_S))
        with pytest.raises(StoreUnavailable, match="read-only"):
            await feedback.record_interactions([did("u", "a")], Budget(SOON_S))
    finally:
        await read_only.close()


async def test_a_database_without_our_tables_says_so(postgres: str) -> None:
    empty = Database(psycopg.conninfo.make_conninfo(postgres, dbname="postgres"), connections=1)
    await empty.open()
    try:
        with pytest.raises(StoreUnavailable, match='relation "items" does not exist'):
            await PostgresItemStore(empty).get(["a"], Budget(SOON_S))
    finally:
        await empty.close()
