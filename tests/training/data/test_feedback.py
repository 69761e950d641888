"""What users were shown and did, out of a real PostgreSQL into tables and into training's data set."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.command_line.shared.console import ExitCode
from gateway.domain.budget import Budget
from gateway.domain.values import Context, Impression, Interaction, ModelIdentity, ScoredItem
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.clients.command_line.program import crossrank
from tests.fakes.catalogues import film, indexed
from training.data.feedback import FeedbackCounts, export_feedback, open_feedback
from training.data.impressions import ImpressionRow
from training.data.tables import Tables, read_tables
from training.errors import DataUnavailable
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

NOW = datetime.now(UTC)
FILMS = "abcdefgh"


def did(user_id: str, item_id: str, event: str, weight: float, token: str = "") -> Interaction:
    """An hour after the lists were shown."""
    return Interaction(user_id, item_id, event, weight, NOW + timedelta(hours=1), token)


def shown(token: str, item_ids: str, context: Context) -> Impression:
    items = [ScoredItem(item_id, rank, 10 - rank, 0.5, 0.6) for rank, item_id in enumerate(item_ids, start=1)]
    return Impression(token, "request", context, ModelIdentity("cross_encoder", "1", "f"), items)


@pytest.fixture
async def logged(database: Database) -> Database:
    """Two users with lists, and a list for a query; h left the catalogue after it was shown and chosen."""
    items, feedback = PostgresItemStore(database), PostgresFeedbackStore(database)
    await items.upsert([indexed(film(item_id, f"film {item_id}, \n part 2")) for item_id in FILMS], Budget(10))
    await feedback.record_impression(shown("t1", "abc", Context(user_id="u")), Budget(10))
    await feedback.record_impression(shown("t2", "hb", Context(user_id="v")), Budget(10))
    await feedback.record_impression(shown("t3", "da", Context(query="space")), Budget(10))
    interactions = [
        did("u", "b", "view", 0.1234567, "t1"),
        did("u", "b", "buy", 3, "t1"),
        did("u", "c", "hide", -1, "t1"),
        did("u", "e", "buy", 3, "t1"),
        did("u", "a", "buy", 3),
        did("v", "h", "buy", 3, "t2"),
        did("v", "a", "view", 1, "t1"),
    ]
    await feedback.record_interactions(interactions, Budget(10))
    await items.delete(["h"], Budget(10))
    return database


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def exported(url: str, folder: Path) -> tuple[Tables, FeedbackCounts, int]:
    told = 0

    def advance(rows: int) -> None:
        nonlocal told
        told += rows

    with open_feedback(url) as reader:
        export_feedback(reader, folder, advance)
    tables = read_tables(folder / "items.csv", folder / "interactions.csv", folder / "impressions.csv")
    return tables, reader.counts, told


async def test_every_shown_item_tells_whether_it_was_chosen(logged: Database, postgres: str, tmp_path: Path) -> None:
    tables, counts, told = exported(postgres, tmp_path)
    assert [(one.attribution_token, one.user_id, one.item_id, one.rank) for one in tables.impressions] == [
        ("t1", "u", "a", 1),
        ("t1", "u", "b", 2),
        ("t1", "u", "c", 3),
        ("t2", "v", "b", 2),
        ("t3", "", "d", 1),
        ("t3", "", "a", 2),
    ]
    assert [(one.event, one.weight) for one in tables.impressions[:3]] == [("view", 1.0), ("buy", 3.0), ("hide", 0.0)]
    assert [one.first_stage_rank for one in tables.impressions[:3]] == [9, 8, 7]
    assert not any(one.chosen for one in tables.impressions[3:])
    assert counts == FeedbackCounts(items=7, interactions=6, lists=3, shown=6, chosen=2, left_out=2)
    assert told == counts.rows
    assert tables.items[0].fields == {"title": "film a, part 2"}
    weights = {(one.user_id, one.item_id, one.event): one.weight for one in tables.interactions}
    assert weights["u", "b", "view"] == 0.1234567
    assert weights["u", "c", "hide"] == 0, "a table of training knows no dislike: it was met, and not wanted"
    assert ("v", "h", "buy") not in weights


async def test_propensity_is_that_of_the_rank(logged: Database, postgres: str, tmp_path: Path) -> None:
    impressions = exported(postgres, tmp_path)[0].impressions
    by_rank: dict[int, set[float]] = {}
    for one in impressions:
        by_rank.setdefault(one.rank, set()).add(one.propensity)
    assert all(len(values) == 1 for values in by_rank.values())
    assert by_rank[1] == {1.0}
    assert by_rank[3] != by_rank[1]


async def test_the_command_writes_the_tables_and_says_what_they_hold(
    logged: Database, postgres: str, tmp_path: Path
) -> None:
    done = crossrank("data", "export", "--database-url", postgres, "--folder", tmp_path / "mine", "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    assert (done.document["lists"], done.document["chosen"], done.document["left_out"]) == (3, 2, 2)
    files = [tmp_path / "mine" / f"{name}.csv" for name in ("items", "interactions", "impressions")]
    assert contents(tmp_path / "mine").keys() == {file.name for file in files}
    names = ("--items", "--interactions", "--impressions")
    options = [part for pair in zip(names, files, strict=True) for part in pair]
    checked = crossrank("data", "check", *options, "--json")
    assert json.loads(checked.output)["impressions"] == 6, checked.notes


async def test_an_empty_catalogue_and_a_server_that_is_not_there_are_told(
    database: Database, postgres: str, tmp_path: Path
) -> None:
    with pytest.raises(DataUnavailable, match="the catalogue is empty"):
        exported(postgres, tmp_path / "none")
    with pytest.raises(DataUnavailable, match="name one with --database-url"):
        exported("postgresql://nobody:secret@127.0.0.1:1/none", tmp_path / "none")
    assert not (tmp_path / "none").exists()


async def test_an_export_that_breaks_off_leaves_the_tables_of_the_last_one(
    logged: Database, postgres: str, tmp_path: Path
) -> None:
    exported(postgres, tmp_path)
    before = contents(tmp_path)
    await PostgresItemStore(logged).upsert([indexed(film("new"))], Budget(10))

    def stop(rows: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), open_feedback(postgres) as reader:
        export_feedback(reader, tmp_path, stop)
    assert contents(tmp_path) == before


async def test_training_sees_what_was_shown_before_each_fold_and_nothing_later(
    logged: Database, postgres: str, tmp_path: Path
) -> None:
    tables, _, _ = exported(postgres, tmp_path)
    start = tables.impressions[0].time
    history = [
        replace(tables.interactions[0], user_id="u", item_id=item_id, weight=1.0, time=start + timedelta(days=day))
        for day, item_id in enumerate("gfedcb", start=-3)
    ]
    lists = [replace(one, time=start + timedelta(hours=1)) for one in tables.impressions]
    protocol = Protocol(min_positives=6, held_out=1, min_history=1)
    data = Dataset(Tables(tables.items, history, lists), protocol)

    def seen(fold: int) -> list[tuple[str, bool]]:
        return [(one.item_id, one.chosen) for one in data.impressions("u", fold)]

    assert data.case("u", Phase.TEST).targets == ("b",)
    assert seen(Phase.TEST) == [("c", False)], "a and b were chosen, and that was not known yet"
    assert seen(Phase.VALID) == [("c", False)]
    assert seen(2) == seen(3) == [], "the lists were shown later"
    few = Dataset(Tables(tables.items, history[:3], lists), protocol)
    assert [one.item_id for one in few.impressions("u", Phase.VALID)] == ["a", "b", "c"]


async def test_the_impressions_of_somebody_without_interactions_are_of_no_use(logged: Database) -> None:
    row = ImpressionRow("t", "stranger", NOW, "a", 1, 1, "", 0.0, 1.0)
    assert Dataset(Tables([], [], [row]), Protocol()).users == []
