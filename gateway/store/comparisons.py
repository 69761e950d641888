"""What the shadow found, in PostgreSQL, so that the findings of several gateways add up. Knows no model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.domain.budget import Budget
from gateway.domain.comparison import Comparison, Loss, Outcome, Shift
from gateway.store.pool import Database

KEPT_DAYS = 90

# Every write clears a few rows that are too old, so that nothing else has to.
_RECORD = """
    WITH too_old AS (
        DELETE FROM shadow_comparisons WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM shadow_comparisons WHERE time < now() - make_interval(days => %s) LIMIT 10000
        ))
    )
    INSERT INTO shadow_comparisons (
        champion, champion_version, challenger, challenger_version, outcome, requests, items, kendall_tau,
        top_overlap, score_shift, score_shift_p95, logit_shift, logit_shift_p95, champion_s, challenger_s
    )
    SELECT * FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::int[], %s::float8[],
        %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::float8[]
    )
"""

_REPORT = """
    SELECT (time AT TIME ZONE 'UTC')::date, champion || ':' || champion_version,
        challenger || ':' || challenger_version,
        coalesce(sum(requests) FILTER (WHERE outcome = 'compared'), 0)::bigint,
        coalesce(sum(requests) FILTER (WHERE outcome = 'busy'), 0)::bigint,
        coalesce(sum(requests) FILTER (WHERE outcome = 'same'), 0)::bigint,
        coalesce(sum(requests) FILTER (WHERE outcome NOT IN ('compared', 'busy', 'same')), 0)::bigint,
        avg(items)::float8, avg(kendall_tau), percentile_cont(0.05) WITHIN GROUP (ORDER BY kendall_tau),
        avg(top_overlap), avg(score_shift), percentile_cont(0.95) WITHIN GROUP (ORDER BY score_shift_p95),
        avg(logit_shift), percentile_cont(0.95) WITHIN GROUP (ORDER BY logit_shift_p95), count(champion_s),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY champion_s),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY champion_s),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY challenger_s) FILTER (WHERE champion_s IS NOT NULL),
        percentile_cont(0.95) WITHIN GROUP (ORDER BY challenger_s) FILTER (WHERE champion_s IS NOT NULL)
    FROM shadow_comparisons WHERE time >= now() - make_interval(days => %s)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

_Row = tuple[str, str, str, str, str, int, *tuple[float | None, ...]]
_NO_FIGURES = (None,) * 9


@dataclass(frozen=True, slots=True)
class ShadowDay:
    """What a challenger did beside a champion on one day (UTC), both as Orderer names them: ``champion`` was to order
    the lists, ``challenger`` is on trial.

    ``dropped``: the shadow was busy; ``same``: lists that the champion orders with the challenger, too; ``failed``: one
    of both gave no whole list in time. Figures are None without a comparison, shifts also between trees and a model.
    Shifts are challenger minus champion; ``_p95``: 95th percentile over lists of each list's 95th percentile. Seconds
    of both are over the same ``timed`` lists: those that the champion scored without a cache.
    """

    day: date
    champion: str
    challenger: str
    compared: int
    dropped: int
    same: int
    failed: int
    items: float | None
    kendall_tau: float | None
    kendall_tau_p5: float | None
    top_overlap: float | None
    score_shift: float | None
    score_shift_p95: float | None
    logit_shift: float | None
    logit_shift_p95: float | None
    timed: int
    champion_p50_s: float | None
    champion_p95_s: float | None
    challenger_p50_s: float | None
    challenger_p95_s: float | None


class PostgresComparisonStore:
    """ComparisonStore on ``shadow_comparisons``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, comparisons: Sequence[Comparison], losses: Mapping[Loss, int], budget: Budget) -> None:
        """Adds a row per comparison and per kind of loss. Raises StoreUnavailable."""
        rows = [*map(_compared, comparisons), *(_lost(loss, requests) for loss, requests in losses.items())]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await self._database.execute(_RECORD, [KEPT_DAYS, *columns], budget)

    async def report(self, days: int, budget: Budget) -> list[ShadowDay]:
        """The days up to now, oldest first. Raises StoreUnavailable."""
        return [ShadowDay(*row) for row in await self._database.fetch(_REPORT, [days], budget)]


def _compared(one: Comparison) -> _Row:
    found = one.agreement
    return (
        *_versions(one),
        Outcome.COMPARED.value,
        1,
        found.items,
        found.kendall_tau,
        found.top_overlap,
        *_shift(found.score),
        *_shift(found.logit),
        one.champion_s,
        one.challenger_s,
    )


def _lost(loss: Loss, requests: int) -> _Row:
    return (*_versions(loss), loss.outcome.value, requests, *_NO_FIGURES)


def _shift(one: Shift | None) -> tuple[float | None, float | None]:
    return (one.mean, one.p95) if one else (None, None)


def _versions(one: Comparison | Loss) -> tuple[str, str, str, str]:
    return one.champion.name, one.champion.version, one.challenger.name, one.challenger.version
