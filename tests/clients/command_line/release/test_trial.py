"""crossrank shadow report and canary report as a user runs them, on a real PostgreSQL."""

from pathlib import Path

import pytest

from clients.command_line.release import stored, trial
from clients.command_line.shared.console import CommandFailed
from gateway.domain.budget import Budget
from gateway.domain.comparison import Agreement, Comparison, Loss, Outcome, Shift
from gateway.domain.order import Orderer
from gateway.domain.values import Context, Impression, ModelIdentity, ScoredItem
from gateway.store.comparisons import PostgresComparisonStore
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.pool import Database
from tests.clients.command_line.program import crossrank

CHAMPION, CHALLENGER = Orderer("ranker", "1f0c"), Orderer("cross_encoder", "2")
MODEL = ModelIdentity("cross_encoder", "1", "a")


LOST = {Outcome.BUSY: 4, Outcome.SAME: 9, Outcome.STOPPED: 1}


async def compare(database: Database) -> None:
    found = Agreement(100, 0.75, 0.9, Shift(0.01, 0.2), Shift(0.3, 1.5))
    comparisons = [Comparison(CHAMPION, CHALLENGER, found, 0.010, 0.0155)] * 3
    await PostgresComparisonStore(database).record(
        comparisons,
        {Loss(CHAMPION, CHALLENGER, one): lists for one, lists in LOST.items()},
        Budget(30),
    )


async def test_the_shadow_report_is_one_document(database: Database, postgres: str) -> None:
    await compare(database)
    (day,) = crossrank("shadow", "report", "--database-url", postgres, "--json").document
    assert (day["champion"], day["challenger"]) == ("ranker:1f0c", "cross_encoder:2")
    assert (day["compared"], day["dropped"], day["same"], day["failed"], day["timed"]) == (3, 4, 9, 1, 3)
    assert (day["kendall_tau"], day["kendall_tau_p5"], day["top_overlap"]) == pytest.approx((0.75, 0.75, 0.9))
    assert (day["champion_p50_s"], day["challenger_p95_s"]) == pytest.approx((0.010, 0.0155))


async def test_the_shadow_report_is_a_table_for_people(
    database: Database, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await compare(database)
    monkeypatch.setenv("COLUMNS", "220")
    shown = crossrank("shadow", "report", "--database-url", postgres)
    assert shown.exit_code == 0
    row = " ".join(shown.output.splitlines()[-1].split())
    assert "same: not ordered by what is on trial" in shown.notes
    assert "ranker:1f0c cross_encoder:2 3 9 4 1 0.750 0.750 0.900 0.010 (0.200) 0.300 (1.500)" in row
    assert row.endswith("10.0/10.0 15.5/15.5")


async def test_losses_alone_are_shown_without_figures(database: Database, postgres: str) -> None:
    await PostgresComparisonStore(database).record([], {Loss(CHAMPION, CHALLENGER, Outcome.BUSY): 4}, Budget(30))
    shown = crossrank("shadow", "report", "--database-url", postgres)
    assert shown.exit_code == 0
    assert "nan" not in shown.output.lower()


@pytest.mark.parametrize(("group", "next_step"), [("shadow", "CROSSRANK_SHADOW_SHARE"), ("canary", "recommend")])
async def test_nothing_found_yet_is_said_with_the_next_step(
    database: Database, postgres: str, group: str, next_step: str
) -> None:
    told = crossrank(group, "report", "--database-url", postgres)
    assert (told.exit_code, told.output) == (0, "")
    assert next_step in told.notes
    assert crossrank(group, "report", "--database-url", postgres, "--json").document == []


async def test_the_canary_report_compares_what_was_to_order_the_lists(database: Database, postgres: str) -> None:
    store = PostgresFeedbackStore(database)
    for token, orderer in (("t1", CHAMPION), ("t2", CHAMPION), ("t3", CHALLENGER)):
        items, user = [ScoredItem("a", 1, 1, 1.0, 0.7)], Context(user_id=token)
        await store.record_impression(Impression(token, "r", user, MODEL, items, orderer=orderer), Budget(30))
    second, first = crossrank("canary", "report", "--database-url", postgres, "--json").document
    assert (first["kind"], first["ordered_by"], first["lists"], first["rate"]) == ("warm", "ranker:1f0c", 2, 0.0)
    assert (second["ordered_by"], second["lists"]) == ("cross_encoder:2", 1)
    assert first["interval"][0] == 0.0
    assert "cross_encoder:2" in crossrank("canary", "report", "--database-url", postgres).output


@pytest.mark.parametrize("group", ["shadow", "canary"])
def test_without_a_database_the_option_is_named(tmp_path: Path, group: str) -> None:
    told = crossrank(group, "report", "--state-dir", tmp_path)
    assert told.exit_code == 1
    assert "--database-url" in told.notes


def test_a_database_that_is_away_is_a_failure_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "READ_S", 0.2)
    with pytest.raises(CommandFailed) as failed:
        trial.shadow_report(trial.Period(), stored.Stored(database_url="postgresql://127.0.0.1:1/none"))
    assert "crossrank status" in failed.value.remedy
