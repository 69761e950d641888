"""crossrank eval: first stage against re-ranked on a data set's test users. Must not compute a metric itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line import console
from clients.command_line.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.options import with_grouped_options
from clients.command_line.training import MOVIELENS, read_tables
from deploy.local import stack
from deploy.local.triton import PROJECT_REPOSITORY

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.evaluate import Evaluation


@dataclass(frozen=True, slots=True)
class EvaluationChoice:
    """What is evaluated on what."""

    dataset: Annotated[str, typer.Option(help=f"{MOVIELENS}, or nothing with --items and --interactions.")] = ""
    items: Annotated[Path | None, typer.Option(help="Your own items: .csv or .parquet.")] = None
    interactions: Annotated[Path | None, typer.Option(help="Your own interactions: .csv or .parquet.")] = None
    model_repository: Annotated[Path, typer.Option(help="Repository with the models.")] = PROJECT_REPOSITORY
    depth: Annotated[int, typer.Option(help="Candidates that are re-ranked, as in serving.", min=10, max=1000)] = 100
    users: Annotated[int, typer.Option(help="Only so many users, drawn with --seed; 0: all.", min=0)] = 0
    seed: Annotated[int, typer.Option(help="Of the draw, the intervals and the paired test.")] = 1
    state_dir: StateDirectory = None


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("eval")(with_grouped_options(evaluate))


def evaluate(choice: EvaluationChoice, as_json: AsJson = False) -> None:
    """Measure first stage and re-ranked lists on held-out interactions, through the serving code on a stack of its own.

    NDCG@10, MAP@10, MRR and recall with 95 % intervals; a paired test of the re-ranked list against every other row.
    """
    if choice.dataset not in {"", MOVIELENS} or bool(choice.dataset) == bool(choice.items):
        raise CommandFailed(
            f"--dataset {choice.dataset!r} with --items {choice.items}",
            remedy=f"--dataset {MOVIELENS}, or your own --items and --interactions",
            exit_code=ExitCode.USAGE,
        )
    from gateway.errors import CrossrankError
    from training.errors import TrainingError

    try:
        evaluation = _evaluate(choice, quiet=as_json)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    except CrossrankError as fault:
        raise CommandFailed(fault.message, remedy="crossrank doctor, then crossrank eval again") from fault
    if as_json:
        console.print_json({"dataset": choice.dataset or str(choice.items), **evaluation.to_dict()})
    else:
        _print(evaluation)


def _evaluate(choice: EvaluationChoice, *, quiet: bool) -> "Evaluation":
    import random
    from tempfile import TemporaryDirectory

    from clients.command_line.phase_lists import PhaseServer
    from training.dataset import Dataset, Phase, Protocol
    from training.evaluate import evaluate as measure
    from training.fusion_baseline import newest_baseline

    state = choice.state_dir or stack.default_state_directory()
    dataset = Dataset(read_tables(choice.items, choice.interactions, state), Protocol())
    cases = dataset.cases(Phase.TEST)
    if choice.users:
        cases = random.Random(choice.seed).sample(cases, min(choice.users, len(cases)))
    with TemporaryDirectory(prefix="crossrank-eval-") as folder:
        server = PhaseServer(dataset, choice.model_repository, Path(folder) / "stack", choice.depth, quiet)
        lists = server.lists(Phase.TEST, cases)
    baseline = newest_baseline(choice.model_repository / "cross_encoder")
    return measure(lists, baseline, catalogue=len(dataset.items), seed=choice.seed)


def _print(evaluation: "Evaluation") -> None:
    from training.metrics import METRICS

    rows = []
    for one in evaluation.methods:
        first = one.intervals[METRICS[0]]
        cells = [f"{one.intervals[name].mean:.4f}" for name in METRICS]
        p_value = evaluation.p_values.get(one.name)
        interval = f"{first.low:.4f} to {first.high:.4f}"
        rows.append((one.name, cells[0], interval, *cells[1:], "" if p_value is None else f"{p_value:.4f}"))
    title = f"{evaluation.users} test users, {evaluation.candidates} candidates of {evaluation.catalogue} items"
    console.print_table(("method", METRICS[0], "95 %", *METRICS[1:], "p, re-ranked is the same"), rows, title=title)
    best = evaluation.best_first_stage
    verdict = "significantly better than" if evaluation.beats_first_stage else "NOT significantly better than"
    console.say(
        f"re-ranked is {verdict} every first-stage method (best: {best}); random order: {evaluation.random_ndcg:.4f}"
    )
