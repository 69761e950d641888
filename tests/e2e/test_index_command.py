"""crossrank index on the real stack: tables in, recommendations out, and nothing embedded twice."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import LocalStack, read_status
from gateway.catalog.turn import WAITS, only_run
from tests.clients.command_line.program import Outcome, crossrank
from tests.e2e.catalogue import invented_interactions, invented_items
from tests.paths import ROOT
from training.data.tables import InteractionRow, ItemRow, Tables, write_tables

ITEMS = invented_items(120)
TYPED = ("--attribute", "year:number", "--attribute", "genres:words")
INTERACTIONS = invented_interactions(ITEMS, users=20)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a stack with an empty catalogue."""
    directory = tmp_path_factory.mktemp("indexed")
    with LocalStack(directory):
        yield directory


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tables."""
    folder = tmp_path_factory.mktemp("tables")
    items = [ItemRow(item.item_id, item.fields) for item in ITEMS]
    interactions = [
        InteractionRow(one.user_id, one.item_id, one.event, 1.0, one.time) for one in INTERACTIONS if one.time
    ]
    write_tables(folder, Tables(items, interactions))
    return folder


def index(directory: Path, tables: Path, *more: str) -> Outcome:
    given = ("--items", tables / "items.csv", "--interactions", tables / "interactions.csv")
    done = crossrank("index", *given, *TYPED, "--state-dir", directory, "--json", *more)
    assert done.exit_code == 0, done.notes
    return done


@pytest.fixture(scope="module")
def unfitted(directory: Path, tables: Path) -> Outcome:
    """A run that writes three items and fits nothing, before anything was fitted."""
    few = tables / "few.csv"
    few.write_text("".join((tables / "items.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:4]))
    return crossrank("index", "--items", few, *TYPED, "--no-fit", "--state-dir", directory)


@pytest.fixture(scope="module")
def first(unfitted: Outcome, directory: Path, tables: Path) -> Outcome:
    """The first run over everything."""
    return index(directory, tables)


def test_where_nothing_was_ever_fitted_it_says_what_orders_lists_and_what_fits_it(unfitted: Outcome) -> None:
    assert unfitted.exit_code == 0, unfitted.notes
    told = " ".join(unfitted.output.split())
    assert "nothing was fitted: lists are ordered by first-stage order (all sources, blended)" in told
    assert "next: crossrank index" in told


def test_the_first_run_embeds_and_stores_everything(first: Outcome) -> None:
    counts = first.document
    assert counts["items"] == {"inserted": len(ITEMS) - 3, "updated": 0, "unchanged": 3}
    assert counts["embedded"] == len(ITEMS) - 3
    assert counts["interactions"] == {"recorded": len(INTERACTIONS), "unchanged": 0, "unknown_items": 0}
    assert counts["relations"]["popular"] == len({one.item_id for one in INTERACTIONS})


def test_a_second_run_embeds_nothing(first: Outcome, directory: Path, tables: Path) -> None:
    counts = index(directory, tables).document
    assert counts["items"] == {"inserted": 0, "updated": 0, "unchanged": len(ITEMS)}
    assert counts["embedded"] == 0
    assert counts["interactions"] == {"recorded": 0, "unchanged": len(INTERACTIONS), "unknown_items": 0}
    assert counts["relations"] == first.document["relations"]


def test_what_orders_lists_was_fitted_and_judged_and_again_it_is_the_same(
    first: Outcome, directory: Path, tables: Path
) -> None:
    ranker = first.document["ranker"]
    assert ranker["users"] == 20
    assert ranker["reason"]
    assert {"blend", "item_neighbors", "follows"} <= {row["name"] for row in ranker["rows"]}
    assert index(directory, tables).document["ranker"] == ranker


def test_without_a_fit_nothing_is_fitted_and_what_was_stays(first: Outcome, directory: Path, tables: Path) -> None:
    done = index(directory, tables, "--no-fit")
    assert done.document["ranker"] is None
    assert done.document["relations"] == first.document["relations"]
    for_people = crossrank("index", "--items", tables / "items.csv", *TYPED, "--no-fit", "--state-dir", directory)
    assert "nothing was fitted now: an earlier run fitted that" in " ".join(for_people.output.split())


def test_only_the_text_that_changed_is_embedded_again(
    first: Outcome, directory: Path, tables: Path, tmp_path: Path
) -> None:
    text = (tables / "items.csv").read_text(encoding="utf-8")
    changed = text.replace(f",{ITEMS[5].fields['title']},", ",Another Title,")
    (tmp_path / "items.csv").write_text(changed, encoding="utf-8")
    (tmp_path / "interactions.csv").write_bytes((tables / "interactions.csv").read_bytes())
    counts = index(directory, tmp_path).document
    assert (counts["items"]["updated"], counts["embedded"]) == (1, 1)


def test_what_was_indexed_is_recommended_and_its_attributes_filter(first: Outcome, directory: Path) -> None:
    filters = ("--filter", "year=1960..1989", "--filter", "genres=Comedy")
    done = crossrank("recommend", "--user", "u1", "-n", 5, *filters, "--state-dir", directory, "--timeout", 5, "--json")
    assert done.exit_code == 0, done.notes
    ranked = [one["item_id"] for one in done.document["items"]]
    by_id = {item.item_id: item for item in ITEMS}
    assert ranked
    for item_id in ranked:
        assert "Comedy" in by_id[item_id].fields["genres"]
        assert 1960 <= int(by_id[item_id].fields["year"]) <= 1989
    assert not set(ranked) & {one.item_id for one in INTERACTIONS if one.user_id == "u1"}
    used = {source for one in done.document["items"] for source in one["sources"]}
    assert used <= {"text_ann", "item_neighbors", "item_knn", "follows", "popular", "cold_items"}
    assert used


async def test_a_second_run_says_that_it_waits_until_the_first_has_ended(
    first: Outcome, directory: Path, tables: Path
) -> None:
    command = (sys.executable, "-m", "clients.command_line.main", "index", "--items", str(tables / "items.csv"), *TYPED)
    pipe = asyncio.subprocess.PIPE
    async with only_run(read_status(directory).part("postgres").url, lambda _: None):
        second = await asyncio.create_subprocess_exec(
            *command, "--no-fit", "--json", "--state-dir", str(directory), cwd=ROOT, stdout=pipe, stderr=pipe
        )
        assert second.stderr
        assert (await second.stderr.readline()).decode().strip() == WAITS
    printed, _ = await second.communicate()
    assert second.returncode == 0
    assert sum(json.loads(printed)["items"].values()) == len(ITEMS)


def test_the_table_for_people_names_what_was_done(first: Outcome, directory: Path, tables: Path) -> None:
    done = crossrank("index", "--items", tables / "items.csv", "--state-dir", directory)
    assert done.exit_code == 0, done.notes
    cells = [line.rsplit(maxsplit=1) for line in done.output.splitlines()[1:]]
    rows = {cell[0].strip(): cell[1] for cell in cells if len(cell) == 2}
    assert rows["interactions new"] == "0"
    assert "lists are ordered by" in " ".join(done.output.split())
    assert rows["items changed"] == str(len(ITEMS)), "without --attribute the attributes are gone"
