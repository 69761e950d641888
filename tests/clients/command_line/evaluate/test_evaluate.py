"""crossrank eval on the user's own tables, through a real PostgreSQL and a real Triton: JSON and report agree."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from clients.command_line.shared.console import ExitCode
from tests.clients.command_line.program import Outcome, crossrank
from tests.training.synthetic import synthetic_tables
from training.data.tables import Tables, write_tables
from training.metrics.ranking import METRICS

USERS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("own")
    write_tables(place, with_repeats(synthetic_tables(users=16, events=26)))
    return place


def with_repeats(tables: Tables) -> Tables:
    """Everybody wants the first item that they wanted once more, a second after the third: in a history it moves."""
    again = []
    for user_id in {row.user_id for row in tables.interactions}:
        rows = [row for row in tables.interactions if row.user_id == user_id and row.weight > 0]
        wanted = sorted(rows, key=lambda row: row.time)
        again.append(replace(wanted[0], time=wanted[2].time + timedelta(seconds=1)))
    return replace(tables, interactions=[*tables.interactions, *again])


@pytest.fixture(scope="module")
def done(folder: Path) -> Outcome:
    tables = ("--items", folder / "items.csv", "--interactions", folder / "interactions.csv")
    outcome = crossrank(
        *("eval", *tables, "--users", USERS, "--depth", 30, "--same-field", "genre:text"),
        *("--report", folder / "report", "--state-dir", folder / "state", "--json"),
    )
    assert outcome.exit_code == ExitCode.OK, outcome.notes
    return outcome


def test_every_row_of_the_served_stack_is_measured(done: Outcome) -> None:
    document = done.document
    names = [row["name"] for row in document["methods"]]
    assert {"text_ann", "item_neighbors", "popular", "blend", "same_genre", "cross_encoder", "reranked"} <= set(names)
    assert (document["users"], document["candidates"], document["catalogue"]) == (USERS, 30, 96)
    assert all(set(METRICS) <= set(row) for row in document["methods"])
    assert set(document["paired"]) == set(names) - {"reranked"}


def test_who_stays_in_a_genre_is_served_well_by_the_rule_of_the_same_genre(done: Outcome) -> None:
    means = {row["name"]: row["ndcg@10"] for row in done.document["methods"]}
    assert means["same_genre"] > means["popular"]
    assert {one["group"] for one in done.document["segments"]} & {"same genre as the history"}


def test_the_report_is_what_the_command_said(done: Outcome, folder: Path) -> None:
    assert json.loads((folder / "report" / "report.json").read_text(encoding="utf-8")) == done.document
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "same_genre" in page
    assert "report.html" in done.notes


def test_cold_items_are_measured_without_a_stack(folder: Path) -> None:
    tables = ("--items", folder / "items.csv", "--interactions", folder / "interactions.csv")
    outcome = crossrank("eval", "--cold", *tables, "--no-read", "--depth", 10, "--report", folder / "cold", "--json")
    assert outcome.exit_code == ExitCode.OK, outcome.notes
    rows = {(row["segment"], row["metric"]) for row in outcome.document["cold"]["rows"]}
    assert {("cold items", "ndcg@10"), ("warm items", "ndcg@10"), ("short histories", "ndcg@10")} <= rows
    assert "without_cold_step" in {row["name"] for row in outcome.document["methods"]}
    assert "Cold items" in (folder / "cold" / "report.html").read_text(encoding="utf-8")


def write_goodbooks(folder: Path) -> None:
    """The same world as books, in the files of goodbooks."""
    tables = synthetic_tables(users=16, events=26)
    items = [f"{one.item_id},{one.fields['title']},{one.fields['genre']},,," for one in tables.items]
    ratings = [
        f"{order},{one.user_id},{one.item_id},{5 if one.weight else 2}"
        for order, one in enumerate(sorted(tables.interactions, key=lambda row: row.time))
    ]
    files = {
        "items": ["item_id,title,authors,year,genres,isbn", *items],
        "interactions": ["order,user_id,item_id,rating", *ratings],
    }
    for name, lines in files.items():
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def test_cold_items_of_goodbooks_are_measured_without_a_trained_run(tmp_path: Path) -> None:
    write_goodbooks(tmp_path)
    outcome = crossrank(
        *("eval", "--cold", "--dataset", "goodbooks", "--data-dir", tmp_path, "--no-read", "--depth", 10, "--json")
    )
    assert outcome.exit_code == ExitCode.OK, outcome.notes
    assert outcome.document["cold"]["items"] == 9
    assert "same_authors" in {row["name"] for row in outcome.document["methods"]}


@pytest.mark.parametrize(
    "option", [("--no-fit",), ("--record",), ("--served",), ("--config", "own.toml"), ("--run", "run")]
)
def test_cold_refuses_options_that_mean_nothing_there(option: tuple[str, ...]) -> None:
    outcome = crossrank("eval", "--cold", "--dataset", "movielens-100k", *option)
    assert outcome.exit_code == ExitCode.USAGE
    assert f"--cold with {option[0]}" in " ".join(outcome.notes.split())
    assert f"leave {option[0]} out" in " ".join(outcome.notes.split())
