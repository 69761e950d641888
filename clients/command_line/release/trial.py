"""crossrank shadow report and crossrank canary report: what live requests say of what is on trial. Must not compute any
figure itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from clients.command_line.release.stored import Stored
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.hints import copyable
from gateway.store.comparisons import PostgresComparisonStore, ShadowDay
from gateway.store.version_feedback import VersionFeedback, feedback_by_version


@dataclass(frozen=True, slots=True)
class Period:
    """How much of it is wanted."""

    days: Annotated[int, typer.Option(help="The last days, until now.", min=1, max=90)] = 7


def shadow_report(period: Period, stored: Stored, as_json: AsJson = False) -> None:
    """Compare a model or ranker on trial with what serves, by day: Kendall tau, top-10 overlap, shifts, latencies, and
    how many lists it would not order."""
    days = stored.read(lambda database, budget: PostgresComparisonStore(database).report(period.days, budget))
    if as_json:
        console.print_json([{**asdict(one), "day": one.day.isoformat()} for one in days])
    elif not days:
        console.say("nothing was compared: start the gateway with CROSSRANK_CHALLENGER and CROSSRANK_SHADOW_SHARE")
    else:
        console.print_table(
            list(_SHADOW),
            [[cell(one) for cell in _SHADOW.values()] for one in days],
            title="the same lists as they were ordered and with what is on trial; shifts: mean (p95 of the absolute)",
        )
        console.say("same: not ordered by what is on trial, so there is nothing to compare")


def canary_report(period: Period, stored: Stored, as_json: AsJson = False) -> None:
    """Compare models, rankers and first stage by what users made of their lists: how many lists were liked, with a 95 %
    interval."""
    versions = stored.read(lambda database, budget: feedback_by_version(database, period.days, budget))
    if as_json:
        console.print_json([{**asdict(one), "rate": one.rate} for one in versions])
    elif not versions:
        console.say(copyable("no list was shown: ask crossrank recommend, or look further back with --days"))
    else:
        console.print_table(
            list(_CANARY),
            [[cell(one) for cell in _CANARY.values()] for one in versions],
            title="lists with a positive interaction, by what was to order them; compare rows of one kind of request",
        )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


_SHADOW: Mapping[str, Callable[[ShadowDay], str]] = {
    "day": lambda one: one.day.isoformat(),
    "ordered by": lambda one: one.champion,
    "on trial": lambda one: one.challenger,
    "compared": lambda one: f"{one.compared:,}",
    "same": lambda one: f"{one.same:,}",
    "dropped": lambda one: f"{one.dropped:,}",
    "failed": lambda one: f"{one.failed:,}",
    "tau": lambda one: _figure(one.kendall_tau),
    "tau p5": lambda one: _figure(one.kendall_tau_p5),
    "top 10": lambda one: _figure(one.top_overlap),
    "score shift": lambda one: f"{_figure(one.score_shift)} ({_figure(one.score_shift_p95)})",
    "logit shift": lambda one: f"{_figure(one.logit_shift)} ({_figure(one.logit_shift_p95)})",
    "serves, ms p50/p95": lambda one: f"{_milliseconds(one.champion_p50_s)}/{_milliseconds(one.champion_p95_s)}",
    "trial, ms p50/p95": lambda one: f"{_milliseconds(one.challenger_p50_s)}/{_milliseconds(one.challenger_p95_s)}",
}
_CANARY: Mapping[str, Callable[[VersionFeedback], str]] = {
    "request": lambda one: one.kind,
    "ordered by": lambda one: one.ordered_by,
    "users": lambda one: f"{one.subjects:,}",
    "lists": lambda one: f"{one.lists:,}",
    "liked": lambda one: f"{one.liked:,}",
    "positives": lambda one: f"{one.positives:,}",
    "rate": lambda one: f"{one.rate:.2%}",
    "95 % interval": lambda one: "{:.2%} to {:.2%}".format(*one.interval),
}
