"""crossrank recommend | rerank | similar | info: ask a running gateway. Must not rank anything itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.ask.candidate_file import parse_filter, read_candidates
from clients.command_line.ask.ranked_table import print_ranked
from clients.command_line.shared import console
from clients.command_line.shared.connection import Connection
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode
from clients.command_line.shared.verdict_table import print_verdict
from crossrank_client import (
    Candidate,
    CandidateOptions,
    History,
    Query,
    RankedList,
    RankingOptions,
    Reading,
    ServiceInfo,
    Subject,
    User,
)


@dataclass(frozen=True, slots=True)
class SubjectChoice:
    """Who or what to rank for."""

    user: Annotated[str, typer.Option(help="A user whose history the service holds.")] = ""
    query: Annotated[str, typer.Option(help="Free text.")] = ""
    history: Annotated[str, typer.Option(help="Item ids, most recent first, separated by commas.")] = ""

    def subject(self) -> Subject:
        """The one subject given. Raises CommandFailed for none or several."""
        given: list[Subject] = []
        if self.user:
            given.append(User(self.user))
        if self.query:
            given.append(Query(self.query))
        if self.history:
            given.append(History.of(*_ids([self.history])))
        if len(given) != 1:
            raise CommandFailed(
                f"{len(given)} of --user, --query and --history are given",
                remedy="give exactly one",
                exit_code=ExitCode.USAGE,
            )
        return given[0]


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """Where candidates come from."""

    source: Annotated[list[str] | None, typer.Option(help="Only this candidate source; may be repeated.")] = None
    candidates: Annotated[int, typer.Option(help="Candidates to rank. 0: the service's default.", min=0)] = 0
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="genres=Drama,War or year=1990..1999; may be repeated.")
    ] = None
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Also items the user has seen.")] = False

    def options(self) -> CandidateOptions:
        """As the client wants them. Raises CommandFailed for a filter that cannot be read."""
        return CandidateOptions(
            sources=tuple(self.source or ()),
            limit=self.candidates,
            filters=tuple(parse_filter(one) for one in self.filters or ()),
            include_seen=self.include_seen,
        )


@dataclass(frozen=True, slots=True)
class RankingChoice:
    """What to do with the candidates."""

    top_n: Annotated[int, typer.Option("--top-n", "-n", help="Items to show.", min=1)] = 10
    read: Annotated[
        bool | None, typer.Option("--read/--no-read", help="Let the cross-encoder read. Default: where that pays.")
    ] = None
    first_stage: Annotated[bool, typer.Option("--first-stage", help="First-stage order, whatever was fitted.")] = False
    explain: Annotated[bool, typer.Option("--explain", help="Show what each history item added to the logit.")] = False
    require_rerank: Annotated[
        bool, typer.Option("--require-rerank", help="Fail where the cross-encoder was to read and could not.")
    ] = False

    fail_degraded: Annotated[
        bool, typer.Option("--fail-degraded", help="Exit with 3 when the answer is less than it could be.")
    ] = False

    def options(self) -> RankingOptions:
        """As the client wants them; with the items' texts."""
        return RankingOptions(
            top_n=self.top_n,
            explain=self.explain,
            require_rerank=self.require_rerank,
            return_items=True,
            reading={None: Reading.AUTO, True: Reading.ALWAYS, False: Reading.NEVER}[self.read],
            first_stage_order=self.first_stage,
        )


def recommend(
    subject: SubjectChoice,
    candidates: CandidateChoice,
    ranking: RankingChoice,
    connection: Connection,
    as_json: AsJson = False,
) -> None:
    """Recommend items for a user, a query or a history."""
    who, where, how = subject.subject(), candidates.options(), ranking.options()
    _show(connection.ask(lambda client: client.recommend(who, candidates=where, options=how)), ranking, as_json)


def rerank(
    subject: SubjectChoice,
    ranking: RankingChoice,
    connection: Connection,
    items: Annotated[list[str] | None, typer.Argument(help="Catalogue ids in first-stage order.")] = None,
    file: Annotated[Path | None, typer.Option(help="Candidates with texts: a .json or .csv file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rank candidates that you name: catalogue ids, or a file."""
    who, how = subject.subject(), ranking.options()
    candidates = [*(Candidate(one) for one in _ids(items or [])), *(read_candidates(file) if file else [])]
    if not candidates:
        raise CommandFailed("there are no candidates", remedy="name item ids, or a --file", exit_code=ExitCode.USAGE)
    ranked = connection.ask(lambda client: client.rerank(who, candidates, options=how))
    _show_unread(ranked.metadata.unread_fields, connection)
    _show(ranked, ranking, as_json)


def similar(
    item: Annotated[str, typer.Argument(help="A catalogue id.")],
    candidates: CandidateChoice,
    ranking: RankingChoice,
    connection: Connection,
    as_json: AsJson = False,
) -> None:
    """Recommend items for the readers of one item."""
    where, how = candidates.options(), ranking.options()
    _show(connection.ask(lambda client: client.similar_items(item, candidates=where, options=how)), ranking, as_json)


def info(connection: Connection, as_json: AsJson = False) -> None:
    """Show limits, models and candidate sources of the service."""
    answer = connection.ask(lambda client: client.get_info())
    if as_json:
        console.print_json(asdict(answer))
        return
    _print_info(answer)


def _ids(texts: list[str]) -> list[str]:
    return [one.strip() for text in texts for one in text.split(",") if one.strip()]


def _show(ranked: RankedList, ranking: RankingChoice, as_json: bool) -> None:
    if as_json:
        console.print_json(asdict(ranked))
    else:
        print_ranked(ranked)
    if ranking.fail_degraded and ranked.degraded:
        console.leave(ExitCode.UNHEALTHY)


def _show_unread(fields: Sequence[str], connection: Connection) -> None:
    """Which fields of the candidates told the model nothing, and which would."""
    if fields:
        model, *_ = connection.ask(lambda client: client.get_info()).models
        read = f"{model.name} version {model.version} reads {', '.join(model.item_fields)}"
        console.say(f"not read: {', '.join(fields)} · {read}: give what counts in one of these", style="yellow")


def _print_info(answer: ServiceInfo) -> None:
    models = [
        (
            one.name,
            one.version,
            one.encoding_fingerprint[:12],
            one.template,
            ", ".join(one.item_fields),
            (", ".join(one.reading_pays) or "nothing") if one.reading_judged else "not judged",
            "ready" if one.ready else "not ready",
        )
        for one in answer.models
    ]
    console.print_table(("model", "version", "fingerprint", "template", "item fields", "reading pays for", ""), models)
    console.results.print()
    limits = [(name, f"{value:,}") for name, value in asdict(answer.limits).items()]
    console.print_table(("limit", "value"), limits)
    console.results.print()
    console.results.print(f"candidate sources: {', '.join(answer.candidate_sources)}")
    if answer.ranker:
        print_verdict(answer.ranker)
    else:
        console.results.print("no ranker was fitted: known histories have first-stage order (all sources, blended)")
    console.results.print(f"gateway {answer.version}")
