"""crossrank shadow report and crossrank canary report: what live requests say of a model on trial. Must not compute any
figure itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, TypeVar

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.hints import copyable
from clients.command_line.shared.running_stack import running_url
from deploy.local import stack
from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError
from gateway.store.comparisons import PostgresComparisonStore, ShadowDay
from gateway.store.pool import Database
from gateway.store.version_feedback import VersionFeedback, feedback_by_version
from gateway.telemetry.logs import configure_logging

READ_S = 10.0
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Findings:
    """Where the gateways keep what they found, and how much of it is wanted."""

    days: Annotated[int, typer.Option(help="The last days, until now.", min=1, max=90)] = 7
    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = ""
    state_dir: StateDirectory = None

    def read(self, question: Callable[[Database, int, Budget], Awaitable[Found]]) -> Found:
        """The answer to one question to the database of the stack. Raises CommandFailed where it cannot be asked."""
        directory = self.state_dir or stack.default_state_directory()
        url = self.database_url or running_url(directory, "postgres", "--database-url")
        with remedy("crossrank status; the tables are made when a gateway of this version starts", CrossrankError):
            return asyncio.run(self._ask(url, question))

    async def _ask(self, url: str, question: Callable[[Database, int, Budget], Awaitable[Found]]) -> Found:
        configure_logging("error")  # standard output is the result's alone
        database = Database(url, connections=1)
        try:
            await database.open()
            return await question(database, self.days, Budget(READ_S))
        finally:
            await database.close()


def shadow_report(findings: Findings, as_json: AsJson = False) -> None:
    """Compare challenger and champion by day: Kendall tau, top-10 overlap, score shift, latencies, what was lost."""
    days = findings.read(lambda database, days, budget: PostgresComparisonStore(database).report(days, budget))
    if as_json:
        console.print_json([{**asdict(one), "day": one.day.isoformat()} for one in days])
    elif not days:
        console.say("nothing was compared: start the gateway with CROSSRANK_CHALLENGER and CROSSRANK_SHADOW_SHARE")
    else:
        console.print_table(
            list(_SHADOW),
            [[cell(one) for cell in _SHADOW.values()] for one in days],
            title="challenger against champion on the same requests; shifts: mean (p95 of the absolute)",
        )


def canary_report(findings: Findings, as_json: AsJson = False) -> None:
    """Compare versions by what users made of their lists: how many lists were liked, with a 95 % interval."""
    versions = findings.read(feedback_by_version)
    if as_json:
        console.print_json([{**asdict(one), "rate": one.rate} for one in versions])
    elif not versions:
        console.say(copyable("no list was shown: ask crossrank recommend, or look further back with --days"))
    else:
        console.print_table(
            list(_CANARY),
            [[cell(one) for cell in _CANARY.values()] for one in versions],
            title="lists with a positive interaction, by the version that ranked them",
        )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


_SHADOW: Mapping[str, Callable[[ShadowDay], str]] = {
    "day": lambda one: one.day.isoformat(),
    "champion": lambda one: one.champion,
    "challenger": lambda one: one.challenger,
    "compared": lambda one: f"{one.compared:,}",
    "dropped": lambda one: f"{one.dropped:,}",
    "failed": lambda one: f"{one.failed:,}",
    "tau": lambda one: _figure(one.kendall_tau),
    "tau p5": lambda one: _figure(one.kendall_tau_p5),
    "top 10": lambda one: _figure(one.top_overlap),
    "score shift": lambda one: f"{_figure(one.score_shift)} ({_figure(one.score_shift_p95)})",
    "logit shift": lambda one: f"{_figure(one.logit_shift)} ({_figure(one.logit_shift_p95)})",
    "champion ms p50/p95": lambda one: f"{_milliseconds(one.champion_p50_s)}/{_milliseconds(one.champion_p95_s)}",
    "challenger ms p50/p95": lambda one: f"{_milliseconds(one.challenger_p50_s)}/{_milliseconds(one.challenger_p95_s)}",
}
_CANARY: Mapping[str, Callable[[VersionFeedback], str]] = {
    "version": lambda one: f"{one.model}:{one.version}",
    "users": lambda one: f"{one.subjects:,}",
    "lists": lambda one: f"{one.lists:,}",
    "liked": lambda one: f"{one.liked:,}",
    "positives": lambda one: f"{one.positives:,}",
    "rate": lambda one: f"{one.rate:.2%}",
    "95 % interval": lambda one: "{:.2%} to {:.2%}".format(*one.interval),
}
