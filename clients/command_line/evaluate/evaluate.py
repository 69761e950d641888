"""crossrank eval: first stage against re-ranked on a data set's test users. Must not compute a metric itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line.evaluate.evaluation_output import ReportFolder, give_evaluation, prepare_report
from clients.command_line.evaluate.offline_evaluation import GOODBOOKS, evaluate_goodbooks
from clients.command_line.release.released_model import serving_version
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.run_choice import MOVIELENS, read_tables
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.evaluation.evaluation import Evaluation


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
    A model that was trained on the same tables is measured on what it held out.
    """
    if choice.dataset not in {"", MOVIELENS, GOODBOOKS} or bool(choice.dataset) == bool(choice.items):
        raise CommandFailed(
            f"--dataset {choice.dataset!r} with --items {choice.items}",
            remedy=f"--dataset {MOVIELENS} or {GOODBOOKS}, or your own --items and --interactions",
            exit_code=ExitCode.USAGE,
        )
    from gateway.domain.errors import CrossrankError
    from training.errors import TrainingError

    prepare_report(choice.report)
    try:
        evaluation = _evaluate(choice, quiet=as_json)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    except CrossrankError as fault:
        raise CommandFailed(fault.message, remedy="crossrank doctor, then crossrank eval again") from fault
    give_evaluation(evaluation, choice.dataset or str(choice.items), report=choice.report, as_json=as_json)


def _evaluate(choice: EvaluationChoice, *, quiet: bool) -> "Evaluation":
    if choice.dataset == GOODBOOKS:
        run = choice.run or (choice.state_dir or stack.default_state_directory()) / "training" / GOODBOOKS
        return evaluate_goodbooks(choice.data_dir, run, users=choice.users, seed=choice.seed, quiet=quiet)
    return _evaluate_served(choice, quiet=quiet)


def _evaluate_served(choice: EvaluationChoice, *, quiet: bool) -> "Evaluation":
    import random
    from tempfile import TemporaryDirectory

    from clients.command_line.evaluate.stack_lists import HeldOutListServer
    from training.evaluation.fields import KNOWN_FIELDS, parse_field
    from training.evaluation.served import evaluate_served
    from training.first_stage.baselines import baseline_orders
    from training.options.config import read_config
    from training.options.sources import SourceOptions
    from training.protocol.dataset import Dataset, Phase
    from training.protocol.trained_on import measured_protocol
    from training.ranker.baselines import read_baselines

    shared = [parse_field(text) for text in choice.same_field] if choice.same_field else KNOWN_FIELDS
    state = choice.state_dir or stack.default_state_directory()
    version = serving_version(choice.model_repository / "cross_encoder")
    tables = read_tables(choice.items, choice.interactions, state)
    config = read_config(choice.config) if choice.config else None
    dataset = Dataset(tables, measured_protocol(version, tables, config.protocol if config else None))
    dataset.require_users()
    cases = dataset.cases(Phase.TEST)
    if choice.users:
        cases = random.Random(choice.seed).sample(cases, min(choice.users, len(cases)))
    with TemporaryDirectory(prefix="crossrank-eval-") as folder:
        server = HeldOutListServer(dataset, choice.model_repository, Path(folder) / "stack", choice.depth, quiet)
        lists = server.lists(Phase.TEST, cases)
    learned = read_baselines(version / "encoding")
    offline = baseline_orders(dataset, config.candidates if config else SourceOptions(), console.say)
    return evaluate_served(lists, dataset, learned, offline=offline, shared=shared, seed=choice.seed)
