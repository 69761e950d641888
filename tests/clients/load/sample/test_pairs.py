"""The sample for the load test: the very pairs that a recommendation scores, from a real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from clients.load.sample.lists import sample_lists
from clients.load.sample.pairs import NothingIndexed, Place, sample_pairs
from crossrank.v1 import ranking_pb2
from deploy.local.errors import LocalStackError
from gateway.domain.budget import Budget
from gateway.encoding.bundle import EncodingBundle
from gateway.encoding.render import ContextFields
from gateway.store.pool import Database
from gateway.store.schema import EMBEDDING_DIMENSION, apply_schema
from tests.clients.scripted import Script, ScriptedServer, answers
from tests.fakes.specs import small_bundle

TITLES = {"1": "toy story", "2": "heat", "3": "alien", "4": "jaws", "5": "brazil"}
LIKED = [("u1", "1", 1), ("u1", "2", 2), ("u2", "3", 1)]
_ITEM = (
    "INSERT INTO items (item_id, fields, attributes, embedding, content_digest, text_digest) "
    "VALUES (%s, jsonb_build_object('title', %s::text), '{}', %s::vector, '', '')"
)
_LIKE = (
    "INSERT INTO interactions (user_id, item_id, event, time, weight) "
    "VALUES (%s, %s, 'view', timestamptz '2026-01-01' + %s * interval '1 hour', %s)"
)


@pytest.fixture(scope="module")
async def database_url(postgres: str) -> str:
    """A database with the tables and nothing in them."""
    database = Database(postgres, 1)
    await database.open()
    try:
        await apply_schema(database, Budget(30.0))
    finally:
        await database.close()
    return postgres


@pytest.fixture
def filled(database_url: str) -> str:
    """Five films; u1 liked heat after toy story, u2 liked alien, and u3 disliked everything."""
    vector = str([1.0] * EMBEDDING_DIMENSION)
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE items, interactions CASCADE")
        for item_id, title in TITLES.items():
            connection.execute(_ITEM, (item_id, title, vector))
        for user_id, item_id, hour in LIKED:
            connection.execute(_LIKE, (user_id, item_id, hour, 1.0))
        for item_id in TITLES:
            connection.execute(_LIKE, ("u3", item_id, 1, 0.0))
    return database_url


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


def first_stage(gateway: ScriptedServer, *item_ids: str) -> Script:
    """The gateway answers every stream with these candidates first, and never with a re-ranked list."""
    items = [ranking_pb2.RankedItem(item_id=item_id, rank=rank) for rank, item_id in enumerate(item_ids, 1)]
    answer = ranking_pb2.RecommendStreamResponse(items=items, stage=ranking_pb2.LIST_STAGE_FIRST_STAGE)
    return gateway.script("RecommendStream", answers(answer))


@pytest.fixture
def bundle(tmp_path: Path) -> EncodingBundle:
    return small_bundle(tmp_path / "1")


def place(gateway: ScriptedServer, url: str, folder: Path) -> Place:
    return Place(gateway.target, url, folder)


async def test_every_candidate_is_paired_with_the_users_history(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    first_stage(gateway, "4", "5")
    lists = await sample_pairs(place(gateway, filled, tmp_path), users=10, candidates=2)
    encoder = bundle.encoder
    wanted = []
    for history in (["heat", "toy story"], ["alien"]):
        context = encoder.encode_context(ContextFields(history=[{"title": title} for title in history]))
        wanted.append([encoder.join(context, encoder.encode_item({"title": title})) for title in ("jaws", "brazil")])
    assert sorted(map(str, lists)) == sorted(map(str, wanted))


async def test_only_as_many_users_are_asked_for_as_wanted_and_always_the_same(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    script = first_stage(gateway, "4")
    for _ in range(2):
        assert len(await sample_pairs(place(gateway, filled, tmp_path), users=1, candidates=7)) == 1
    first, second = (received.request for received in script.received)
    assert first.context.user_id == second.context.user_id
    assert first.candidates.limit == 7
    assert first.options.top_n == 7


async def test_users_without_a_liked_item_are_not_asked(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    script = first_stage(gateway, "4")
    await sample_pairs(place(gateway, filled, tmp_path), users=10, candidates=1)
    assert {received.request.context.user_id for received in script.received} == {"u1", "u2"}


async def test_an_item_that_has_left_the_catalogue_is_left_out(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    first_stage(gateway, "4", "gone", "5")
    for pairs in await sample_pairs(place(gateway, filled, tmp_path), users=10, candidates=3):
        assert len(pairs) == 2


async def test_an_empty_catalogue_is_told_with_its_remedy(
    gateway: ScriptedServer, database_url: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("TRUNCATE items, interactions CASCADE")
    with pytest.raises(NothingIndexed, match="the catalogue is empty") as failure:
        await sample_pairs(place(gateway, database_url, tmp_path), users=1, candidates=1)
    assert failure.value.remedy == "crossrank index --dataset movielens-100k"


def test_the_newest_version_that_has_an_encoding_encodes(tmp_path: Path) -> None:
    small_bundle(tmp_path / "2")
    newest = small_bundle(tmp_path / "10")
    (tmp_path / "11").mkdir()
    (tmp_path / "notes").mkdir()
    assert Place("", "", tmp_path).open_encoder().item_fingerprint == newest.encoder.item_fingerprint


def test_a_model_without_a_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="no model version with an encoding") as failure:
        Place("", "", tmp_path).open_encoder()
    assert failure.value.remedy == "export a model"


async def test_every_moment_of_a_history_is_a_list_of_its_own(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    first_stage(gateway, "4", "5")
    found = await sample_lists(place(gateway, filled, tmp_path), users=10, items_per_list=2)
    histories = [[event["title"] for event in one.history] for one in found]
    assert sorted(histories) == sorted([["heat", "toy story"], ["toy story"], ["alien"]])
    assert {tuple(item["title"] for item in one.items) for one in found} == {("jaws", "brazil")}, "first-stage order"


async def test_a_list_has_as_many_items_as_asked_for(
    gateway: ScriptedServer, filled: str, tmp_path: Path, bundle: EncodingBundle
) -> None:
    first_stage(gateway, "4", "5", "3")
    for one in await sample_lists(place(gateway, filled, tmp_path), users=10, items_per_list=1):
        assert len(one.items) == 1
