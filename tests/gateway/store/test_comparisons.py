"""What shadow scoring found, through a real PostgreSQL: figures per day and version, losses added up, old rows gone."""

from datetime import UTC, datetime

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.comparison import Agreement, Comparison, Loss, Outcome, Shift
from gateway.domain.order import Orderer
from gateway.store.comparisons import KEPT_DAYS, PostgresComparisonStore, ShadowDay
from gateway.store.pool import Database

CHAMPION, SECOND = Orderer("cross_encoder", "1"), Orderer("cross_encoder", "2")
THIRD = Orderer("wider", "7")


def comparison(
    tau: float = 0.9, *, challenger: Orderer = SECOND, champion_s: float | None = 0.01, challenger_s: float = 0.02
) -> Comparison:
    found = Agreement(100, tau, 0.8, Shift(0.1, 0.3), Shift(-0.5, 2.0))
    return Comparison(CHAMPION, challenger, found, champion_s, challenger_s)


async def report(database: Database, days: int = 7) -> list[ShadowDay]:
    return await PostgresComparisonStore(database).report(days, Budget(30))


async def test_a_report_gives_the_figures_of_all_comparisons(database: Database) -> None:
    store = PostgresComparisonStore(database)
    taus = np.random.default_rng(4).uniform(-1, 1, 200)
    await store.record([comparison(float(tau)) for tau in taus], {}, Budget(30))
    (day,) = await report(database)
    assert day.day == datetime.now(UTC).date()
    assert (day.champion, day.challenger) == ("cross_encoder:1", "cross_encoder:2")
    assert (day.compared, day.dropped, day.same, day.failed) == (200, 0, 0, 0)
    assert day.kendall_tau == pytest.approx(taus.mean())
    assert day.kendall_tau_p5 == pytest.approx(np.percentile(taus, 5))
    assert (day.items, day.top_overlap) == pytest.approx((100.0, 0.8))
    assert (day.score_shift, day.score_shift_p95) == pytest.approx((0.1, 0.3))
    assert (day.logit_shift, day.logit_shift_p95) == pytest.approx((-0.5, 2.0))


async def test_latencies_of_both_are_over_the_same_lists(database: Database) -> None:
    """The challenger is slow exactly where the champion's cache helped: these lists must not count against it."""
    fair = [comparison(champion_s=0.010, challenger_s=0.012) for _ in range(20)]
    unfair = [comparison(champion_s=None, challenger_s=9.0) for _ in range(20)]
    await PostgresComparisonStore(database).record([*fair, *unfair], {}, Budget(30))
    (day,) = await report(database)
    assert day.timed == 20
    assert (day.champion_p50_s, day.champion_p95_s) == pytest.approx((0.010, 0.010))
    assert (day.challenger_p50_s, day.challenger_p95_s) == pytest.approx((0.012, 0.012))


async def test_what_several_gateways_lost_adds_up(database: Database) -> None:
    for store in (PostgresComparisonStore(database), PostgresComparisonStore(database)):
        losses = {Loss(CHAMPION, SECOND, Outcome.BUSY): 5, Loss(CHAMPION, SECOND, Outcome.DEADLINE): 2}
        await store.record([comparison()], losses, Budget(30))
    (day,) = await report(database)
    assert (day.compared, day.dropped, day.failed) == (2, 10, 4)


async def test_lists_that_the_challenger_does_not_order_are_counted_and_are_no_failures(database: Database) -> None:
    trees = Orderer("ranker", "aa")
    losses = {Loss(trees, SECOND, Outcome.SAME): 7, Loss(CHAMPION, SECOND, Outcome.UNSCORED): 1}
    await PostgresComparisonStore(database).record([comparison()], losses, Budget(30))
    read, ordered_by_trees = await report(database)
    assert (read.champion, read.compared, read.same, read.failed) == ("cross_encoder:1", 1, 0, 1)
    assert (ordered_by_trees.champion, ordered_by_trees.challenger) == ("ranker:aa", "cross_encoder:2")
    assert (ordered_by_trees.compared, ordered_by_trees.same, ordered_by_trees.failed) == (0, 7, 0)


async def test_orders_without_scores_that_compare_have_no_shifts(database: Database) -> None:
    found = Comparison(Orderer("first_stage", "popular"), Orderer("ranker", "aa"), Agreement(50, 0.5, 0.7), 0.01, 0.02)
    await PostgresComparisonStore(database).record([found], {}, Budget(30))
    (day,) = await report(database)
    assert (day.kendall_tau, day.top_overlap) == (0.5, 0.7)
    assert (day.score_shift, day.score_shift_p95, day.logit_shift, day.logit_shift_p95) == (None, None, None, None)


async def test_losses_without_any_comparison_are_reported_without_figures(database: Database) -> None:
    losses = {Loss(CHAMPION, SECOND, Outcome.UNAVAILABLE): 3}
    await PostgresComparisonStore(database).record([], losses, Budget(30))
    (day,) = await report(database)
    assert (day.compared, day.failed, day.timed) == (0, 3, 0)
    assert (day.kendall_tau, day.top_overlap, day.challenger_p50_s) == (None, None, None)


async def test_each_challenger_has_its_own_line(database: Database) -> None:
    await PostgresComparisonStore(database).record([comparison(), comparison(challenger=THIRD)], {}, Budget(30))
    assert [day.challenger for day in await report(database)] == ["cross_encoder:2", "wider:7"]


async def test_days_are_apart_and_only_those_asked_for_are_told(database: Database) -> None:
    store = PostgresComparisonStore(database)
    await store.record([comparison(0.1)], {}, Budget(30))
    await database.execute("UPDATE shadow_comparisons SET time = time - interval '3 days'", [], Budget(30))
    await store.record([comparison(0.2)], {}, Budget(30))
    assert [day.kendall_tau for day in await report(database)] == [0.1, 0.2]
    assert [day.kendall_tau for day in await report(database, days=2)] == [0.2]


async def test_rows_leave_when_they_are_too_old(database: Database) -> None:
    store = PostgresComparisonStore(database)
    await store.record([comparison(0.1), comparison(0.2)], {}, Budget(30))
    aged = "UPDATE shadow_comparisons SET time = now() - make_interval(days => %s) WHERE kendall_tau = 0.1"
    await database.execute(aged, [KEPT_DAYS + 1], Budget(30))
    await store.record([comparison(0.3)], {}, Budget(30))
    kept = await database.fetch("SELECT kendall_tau FROM shadow_comparisons ORDER BY 1", [], Budget(30))
    assert kept == [(0.2,), (0.3,)]


async def test_nothing_to_record_writes_nothing(database: Database) -> None:
    await PostgresComparisonStore(database).record([], {}, Budget(30))
    assert await report(database) == []
