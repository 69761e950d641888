"""crossrank rankers as a user runs it, on a real PostgreSQL: what was fitted, what was measured, which one serves."""

from pathlib import Path

import pytest

from gateway.domain.budget import Budget
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from tests.clients.command_line.program import crossrank
from tests.fakes.rankers import steps, with_trees, without_trees

TREES, FIRST_STAGE = with_trees(steps("relation_sum:ease", 0.5), "follows"), without_trees("popular")


async def keep_both(database: Database) -> None:
    for ranker in (FIRST_STAGE, TREES):
        await PostgresRankerStore(database).keep(ranker, Budget(30))


async def test_all_that_are_kept_are_listed_newest_first_with_what_was_measured(
    database: Database, postgres: str
) -> None:
    await keep_both(database)
    document = crossrank("rankers", "--database-url", postgres, "--json").document
    assert document["served"] is None, "no gateway was named"
    trees, first_stage = document["rankers"]
    assert (trees["version"], trees["orders"], trees["users"]) == (TREES.version, "own", 300)
    assert [row["name"] for row in trees["rows"]] == ["follows", "own"]
    assert (first_stage["version"], first_stage["orders"], first_stage["first_stage"]) == (
        FIRST_STAGE.version, "first_stage", "popular"
    )  # fmt: skip
    assert [one["serves"] for one in document["rankers"]] == [None, None]
    assert "no gateway was asked" in crossrank("rankers", "--database-url", postgres).notes


async def test_the_table_names_orders_as_people_do(
    database: Database, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_both(database)
    monkeypatch.setenv("COLUMNS", "200")
    shown = crossrank("rankers", "--database-url", postgres).output
    [trees] = [line for line in shown.splitlines() if TREES.version in line]
    assert "trees of this catalogue" in trees
    assert "0.2000 +0.1000 0.0010 300" in " ".join(trees.split())
    [first_stage] = [line for line in shown.splitlines() if FIRST_STAGE.version in line]
    assert "popular 0.1000 - - 300" in " ".join(first_stage.split())


async def test_one_that_cannot_be_read_is_listed_as_that(
    database: Database, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_both(database)
    monkeypatch.setenv("COLUMNS", "200")
    await database.execute("UPDATE rankers SET ranker = '{}' WHERE version = %s", [TREES.version], Budget(30))
    broken, _ = crossrank("rankers", "--database-url", postgres, "--json").document["rankers"]
    assert (broken["version"], broken["readable"], "orders" in broken) == (TREES.version, False, False)
    assert "cannot be read" in crossrank("rankers", "--database-url", postgres).output


async def test_before_the_first_index_the_next_step_is_named(database: Database, postgres: str) -> None:
    told = crossrank("rankers", "--database-url", postgres)
    assert (told.exit_code, told.output) == (0, "")
    assert "crossrank index" in told.notes


def test_without_a_database_the_option_is_named(tmp_path: Path) -> None:
    told = crossrank("rankers", "--state-dir", tmp_path)
    assert told.exit_code == 1
    assert "--database-url" in told.notes
