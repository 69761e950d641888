"""crossrank index: a data set, or your own tables, into the catalogue. Must not embed or store anything itself."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clients.command_line.catalog.attributes import KINDS, AttributeColumn, AttributeInvalid, parse_column
from clients.command_line.catalog.ranker_fit import fit_ranker, newest_ranker
from clients.command_line.catalog.table_index import IndexCounts, index_tables, open_parts
from clients.command_line.catalog.table_rows import to_interactions, to_items
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.hints import copyable
from clients.command_line.shared.run_choice import MOVIELENS
from clients.command_line.shared.running_stack import running_url
from clients.command_line.shared.verdict_table import print_verdict
from crossrank_client import MeasuredOrder, Ranker
from deploy.local import stack
from deploy.local.plan import Plan
from gateway.domain.errors import CrossrankError, InvalidRequest
from gateway.domain.order import RequestKind
from gateway.domain.values import Interaction, Item
from gateway.ranker.fitted import FittedRanker
from gateway.ranking.ordering import reader_orders
from gateway.settings import Settings
from gateway.telemetry.logs import configure_logging
from training.data import movielens
from training.data.tables import Tables, read_items, read_tables

# Lenient: two films of recbole's copy have the years "unkonwn" and "V".
MOVIELENS_COLUMNS = (AttributeColumn("year", "number", lenient=True), AttributeColumn("genres", "words"))


@dataclass(frozen=True, slots=True)
class TableChoice:
    """What to index."""

    items: Annotated[Path | None, typer.Option(help="Items: .csv or .parquet with item_id and text columns.")] = None
    interactions: Annotated[
        Path | None, typer.Option(help="Interactions: .csv or .parquet with user_id, item_id, event, weight, time.")
    ] = None
    attribute: Annotated[
        list[str] | None,
        typer.Option(help=f"NAME:KIND, a column that filters can test; {', '.join(KINDS)}; may be repeated."),
    ] = None
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out interactions with items that the items table has not.")
    ] = False
    dataset: Annotated[str, typer.Option(help=f"Instead of tables: {MOVIELENS}.")] = ""
    source: Annotated[
        Path | None, typer.Option("--from", help="Your own copy of the data set. Default: downloaded once.")
    ] = None

    def columns(self) -> tuple[AttributeColumn, ...]:
        """Which columns become attributes. Raises CommandFailed."""
        try:
            given = tuple(parse_column(one) for one in self.attribute or ())
        except AttributeInvalid as fault:
            raise CommandFailed(str(fault), remedy="--attribute year:number", exit_code=ExitCode.USAGE) from fault
        return given or (MOVIELENS_COLUMNS if self.dataset else ())

    def check(self) -> None:
        """Raises CommandFailed unless it is either tables or a data set that we know."""
        fault = ""
        if bool(self.items) == bool(self.dataset):
            fault = f"--items and --dataset: {'both' if self.items else 'neither'} of them is given"
        elif self.dataset and self.interactions:
            fault = "--interactions is given with --dataset, which brings its own"
        elif self.dataset not in {"", MOVIELENS}:
            fault = f"there is no data set {self.dataset!r}"
        if fault:
            remedy = f"--dataset {MOVIELENS}, or --items FILE --interactions FILE"
            raise CommandFailed(fault, remedy=remedy, exit_code=ExitCode.USAGE)

    def read(self, download_folder: Path) -> Tables:
        """The tables. Raises TrainingError for data that cannot be used."""
        if self.items and self.interactions:
            return read_tables(self.items, self.interactions, skip_unknown=self.skip_unknown)
        if self.items:
            return Tables(read_items(self.items), ())
        return movielens.from_path(self.source) if self.source else movielens.from_recbole(download_folder)


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """Where to index it."""

    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = ""
    triton_url: Annotated[str, typer.Option(help="Triton's host:port. Default: that of the stack.")] = ""
    model_repository: Annotated[
        Path | None, typer.Option(help="The repository that this Triton loads. Default: that of the stack.")
    ] = None
    state_dir: StateDirectory = None

    @property
    def directory(self) -> Path:
        """Of the stack that runs here."""
        return self.state_dir or stack.default_state_directory()

    def settings(self) -> Settings:
        """As the gateway's, so that both see the same catalogue and models. Raises CommandFailed."""
        settings = Settings(
            postgres_url=self.database_url or running_url(self.directory, "postgres", "--database-url"),
            triton_urls=self.triton_url or running_url(self.directory, "triton", "--triton-url"),
            model_repository=str(self.model_repository or self._repository()),
        )
        for model in (settings.embedding_model, settings.model):
            if not any(Path(settings.model_repository, model).glob("*/**/tokenizer.json")):
                raise CommandFailed(
                    f"the model repository {settings.model_repository} has no tokenizer of {model}",
                    remedy="give the repository that Triton loads: --model-repository FOLDER",
                )
        return settings

    def _repository(self) -> Path:
        plan = self.directory / "plan.json"
        return Path((Plan.load(plan) if plan.exists() else Plan()).model_repository)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a run did. ``ranker``: the one that was fitted, else the newest of earlier runs; None where there is none.
    ``reader``: the version of the cross-encoder that orders lists of known histories beside it; empty: none does."""

    counts: IndexCounts
    ranker: FittedRanker | None
    reader: str

    def without(self, left_out: int) -> "Indexed":
        """Where so many interactions with unknown items were left out of the tables."""
        interactions = self.counts.interactions
        interactions = replace(interactions, unknown_items=interactions.unknown_items + left_out)
        return replace(self, counts=replace(self.counts, interactions=interactions))


def index(
    tables: TableChoice,
    place: PlaceChoice,
    fit: Annotated[bool, typer.Option("--fit/--no-fit", help="Fit and judge what orders lists.")] = True,
    as_json: AsJson = False,
) -> None:
    """Fill the catalogue: items with their vectors, interactions, popularity and relations; then fit what orders lists.

    Repeat it at any time: only what changed is written, and only new texts are embedded.
    """
    tables.check()
    columns, settings = tables.columns(), place.settings()
    again = "crossrank status · crossrank doctor, then crossrank index again: it goes on where it stopped"
    with remedy(again, CrossrankError), remedy("correct the tables, then crossrank index again", InvalidRequest):
        read = tables.read(place.directory / "downloads")
        items, interactions = to_items(read.items, columns), to_interactions(read.interactions)
        done = asyncio.run(_run(settings, items, interactions, fit=fit, quiet=as_json)).without(read.left_out)
    if as_json:
        ranker = {"version": done.ranker.version, **asdict(done.ranker.verdict)} if done.ranker and fit else None
        console.print_json({**asdict(done.counts), "ranker": ranker})
        return
    _print_counts(done.counts)
    if done.ranker:
        print_verdict(_as_told(done.ranker))
    if not fit:
        console.results.print(Text(copyable(_unfitted(done))))


async def _run(
    settings: Settings, items: Sequence[Item], interactions: Sequence[Interaction], *, fit: bool, quiet: bool
) -> Indexed:
    configure_logging("error")  # standard output is the result's alone
    progress = partial(console.progress_bar, quiet=quiet)
    async with AsyncExitStack() as opened:
        with progress("waiting for PostgreSQL and Triton"):
            parts = await opened.enter_async_context(open_parts(settings, console.say))
        counts = await index_tables(items, interactions, parts, progress)
        ranker = await (fit_ranker(parts.database, progress) if fit else newest_ranker(parts.database))
        model = parts.served()
        reads = reader_orders(RequestKind.WARM, model, ranker)
        return Indexed(counts, ranker, model.identity.version if reads else "")


def _unfitted(done: Indexed) -> str:
    """What orders lists of known histories where nothing was fitted now, and the next step."""
    if done.ranker:
        return "nothing was fitted now: an earlier run fitted that · next: crossrank index fits it to what was added"
    orders = "first-stage order (all sources, blended)"
    if done.reader:
        orders = f"the cross-encoder, version {done.reader}: not measured on this catalogue"
    return f"nothing was fitted: lists are ordered by {orders} · next: crossrank index fits and judges what orders them"


def _print_counts(counts: IndexCounts) -> None:
    rows = [
        ("items new", counts.items.inserted),
        ("items changed", counts.items.updated),
        ("items unchanged", counts.items.unchanged),
        ("texts embedded", counts.embedded),
        ("interactions new", counts.interactions.recorded),
        ("interactions unchanged", counts.interactions.unchanged),
        ("interactions left out, of unknown items", counts.interactions.unknown_items),
        ("items with users", counts.relations.popular),
        ("pairs of neighbours", counts.relations.neighbors),
    ]
    console.print_table(("", "rows"), [(name, f"{number:,}") for name, number in rows])


def _as_told(ranker: FittedRanker) -> Ranker:
    """As GetInfo tells of it."""
    verdict = ranker.verdict
    rows = (MeasuredOrder(one.name, one.ndcg, one.low, one.high, one.difference, one.p) for one in verdict.rows)
    return Ranker(ranker.version, verdict.serves, verdict.reason, verdict.users, tuple(rows), verdict.first_stage)
