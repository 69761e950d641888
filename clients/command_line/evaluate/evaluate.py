"""crossrank eval: first stage against re-ranked on a data set's test users. Must not compute a metric itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from clients.command_line.evaluate.evaluation_output import ReportFolder, give_evaluation, prepare_report
from clients.command_line.evaluate.stack_lists import HeldOutListServer
from clients.command_line.release.released_model import serving_version
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.run_choice import CONFIGS, MOVIELENS, read_tables
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.domain.order import Reading
from training.data import goodbooks
from training.data.tables import Tables
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import KNOWN_FIELDS, SharedField, parse_field
from training.options.config import read_config
from training.release.cold import ColdEvaluation
from training.release.pipeline import Measured, Pipeline, evaluate_version
from training.release.reading import record_reading
from training.run_folder import RunFolder
from training.trees.own_lists import OwnOptions

GOODBOOKS = "goodbooks"
_KINDS = (
    "Repeat it; KIND is text, words, labels (by |) or commas. Default: authors, series, brand, genres and their like."
)


@dataclass(frozen=True, slots=True)
class EvaluationChoice:
    """What is evaluated on what."""

    dataset: Annotated[
        str, typer.Option(help=f"{MOVIELENS}, {GOODBOOKS}, or nothing with --items and --interactions.")
    ] = ""
    data_dir: Annotated[Path | None, typer.Option(help=f"Your copy of {GOODBOOKS}.")] = None
    run: Annotated[
        Path | None, typer.Option(help=f"{GOODBOOKS}: folder of the trained run. Default: training/{GOODBOOKS}.")
    ] = None
    items: Annotated[Path | None, typer.Option(help="Your own items: .csv or .parquet.")] = None
    interactions: Annotated[Path | None, typer.Option(help="Your own interactions: .csv or .parquet.")] = None
    config: Annotated[
        Path | None,
        typer.Option(help="Protocol for tables that the model was not trained on; for its own they are known."),
    ] = None
    model_repository: Annotated[Path, typer.Option(help="Repository with the models.")] = PROJECT_REPOSITORY
    served: Annotated[
        bool, typer.Option("--served", help=f"{GOODBOOKS} by the stack too, instead of a trained run's offline lists.")
    ] = False
    fit: Annotated[
        bool, typer.Option("--fit/--no-fit", help="Fit a ranker to what may be known, as index does; it orders lists.")
    ] = True
    read: Annotated[
        bool, typer.Option("--read/--no-read", help="Let the cross-encoder read the lists, for its own rows.")
    ] = True
    record: Annotated[
        bool, typer.Option("--record", help="Write for which requests reading pays into the version's folder.")
    ] = False
    cold: Annotated[
        bool,
        typer.Option(
            "--cold",
            help="Hide a tenth of the items from every fit, and measure what trees make of them; without a stack.",
        ),
    ] = False
    depth: Annotated[int, typer.Option(help="Candidates that are re-ranked, as in serving.", min=10, max=1000)] = 100
    users: Annotated[int, typer.Option(help="Only so many users, drawn with --seed; 0: all.", min=0)] = 0
    seed: Annotated[int, typer.Option(help="Of the draw, the intervals and the paired test.")] = 1
    same_field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:KIND", help=f"A field whose values items share: a rule's row, and a segment. {_KINDS}"
        ),
    ] = None
    report: ReportFolder = None
    state_dir: StateDirectory = None


def evaluate(choice: EvaluationChoice, as_json: AsJson = False) -> None:
    """Measure first stage and re-ranked lists on held-out interactions, through the serving code on a stack of its own
    (goodbooks: a trained run on offline first stages, without a stack).

    NDCG@10, MAP@10, MRR and recall with 95 % intervals; a paired test of the re-ranked list against every other row.
    A model that was trained on the same tables is measured on what it held out. --cold tells instead what becomes of
    items that nobody has liked yet.
    """
    if choice.dataset not in {"", MOVIELENS, GOODBOOKS} or bool(choice.dataset) == bool(choice.items):
        raise CommandFailed(
            f"--dataset {choice.dataset!r} with --items {choice.items}",
            remedy=f"--dataset {MOVIELENS} or {GOODBOOKS}, or your own --items and --interactions",
            exit_code=ExitCode.USAGE,
        )
    prepare_report(choice.report)
    if choice.cold:
        evaluation = _cold(choice, quiet=as_json)
    elif choice.dataset == GOODBOOKS and not choice.served:
        evaluation = _offline(choice, quiet=as_json)
    else:
        evaluation = _served(choice, quiet=as_json)
    if choice.record:
        record_reading(serving_version(choice.model_repository / "cross_encoder"), evaluation.reading)
    give_evaluation(evaluation, choice.dataset or str(choice.items), report=choice.report, as_json=as_json)


def _cold(choice: EvaluationChoice, *, quiet: bool) -> Evaluation:
    """Trees of the tables alone, on lists with hidden items."""
    meaningless = {
        "--no-fit": not choice.fit,
        "--record": choice.record,
        "--served": choice.served,
        "--config": choice.config is not None,
        "--run": choice.run is not None,
    }
    if given := [name for name, is_given in meaningless.items() if is_given]:
        raise CommandFailed(
            f"--cold with {given[0]}: cold items are measured on trees that are fitted on the spot",
            remedy=f"leave {given[0]} out",
            exit_code=ExitCode.USAGE,
        )
    shared = _shared_fields(choice)
    reader = serving_version(choice.model_repository / "cross_encoder") if choice.read else None
    measured = Measured(_tables(choice), None, choice.users, choice.seed, shared)
    options = OwnOptions(depth=choice.depth)
    return ColdEvaluation(measured, reader, partial(console.progress_bar, quiet=quiet), console.say, options).run()


def _served(choice: EvaluationChoice, *, quiet: bool) -> Evaluation:
    """A version of the repository, on a stack of its own."""
    shared = _shared_fields(choice)
    version = serving_version(choice.model_repository / "cross_encoder")
    tables = _tables(choice)
    config = read_config(choice.config) if choice.config else None
    with TemporaryDirectory(prefix="crossrank-eval-") as folder:
        reading = Reading.ALWAYS if choice.read or not choice.fit else Reading.NEVER
        server = HeldOutListServer(Path(folder) / "stack", choice.depth, quiet, choice.fit, reading)
        measured = Measured(tables, config, choice.users, choice.seed, shared)
        return evaluate_version(version, measured, server, console.say)


def _tables(choice: EvaluationChoice) -> Tables:
    if choice.dataset == GOODBOOKS:
        return goodbooks.from_folder(_data_folder(choice))
    return read_tables(choice.items, choice.interactions, choice.state_dir or stack.default_state_directory())


def _shared_fields(choice: EvaluationChoice) -> Sequence[SharedField]:
    return [parse_field(text) for text in choice.same_field] if choice.same_field else KNOWN_FIELDS


def _offline(choice: EvaluationChoice, *, quiet: bool) -> Evaluation:
    """The run of training/configs/goodbooks.toml on the user's own copy."""
    data_folder = _data_folder(choice)
    folder = RunFolder(choice.run or (choice.state_dir or stack.default_state_directory()) / "training" / GOODBOOKS)
    folder.trained_model()  # before the tables, which take a while
    config = read_config(CONFIGS / f"{GOODBOOKS}.toml")
    pipeline = Pipeline(config, goodbooks.from_folder(data_folder), folder, console.say)
    return pipeline.evaluate_offline(choice.users, choice.seed, partial(console.progress_bar, quiet=quiet))


def _data_folder(choice: EvaluationChoice) -> Path:
    if choice.data_dir is None:
        raise CommandFailed(
            f"--dataset {GOODBOOKS} without --data-dir",
            remedy="name the folder that holds items.csv.gz and interactions.csv.gz",
            exit_code=ExitCode.USAGE,
        )
    return choice.data_dir
