"""crossrank bench: this service and its peers on the same weights, texts and machine. Must not measure."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.command_line.measure.bench_recommend import measure_recommend
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.load.bench.benchmark import Benchmark, Outcome, Plan
from clients.load.bench.result.document import build_document
from clients.load.bench.result.page import render_page
from clients.load.bench.result.summary import NOT_MEASURED, throughput
from clients.load.bench.systems.gateway_system import CALLER_COUNTS, CANDIDATE_COUNTS, Extras
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.telemetry.logs import configure_logging
from training.data import movielens

_SYSTEMS = "sentence_transformers,infinity_torch,infinity_int8,bare_engine,triton,gateway"
_MIXES = ("mixed", "movielens")


@dataclass(frozen=True, slots=True)
class BenchChoice:
    """What is compared, and how long."""

    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds and loads: 5 minutes on 2 cores.")] = False
    systems: Annotated[str, typer.Option(help="Which ones, joined by commas.")] = _SYSTEMS
    mixes: Annotated[
        str, typer.Option(help="Workloads, the first one leads: mixed, movielens. Default: both; mixed with --quick.")
    ] = ""
    rounds: Annotated[int, typer.Option(help="Rounds; 0: 5, or 2 with --quick.", min=0, max=100)] = 0
    seconds: Annotated[float, typer.Option(help="Load of a turn; 0: 10, or 5 with --quick.", min=0, max=600)] = 0.0
    model_repository: Annotated[Path, typer.Option(help="Whose cross-encoder.", file_okay=False)] = PROJECT_REPOSITORY
    out: Annotated[Path, typer.Option(help="Folder of summary.json and report.html.", file_okay=False)] = Path(
        "build/bench"
    )

    def plan(self, directory: Path) -> Plan:
        """For the benchmark. Raises CommandFailed."""
        grid = [(callers, candidates) for callers in CALLER_COUNTS for candidates in CANDIDATE_COUNTS]
        quick = Extras([(1, 100), (4, 25), (4, 100)], {1.0: 1}, None, rounds=1, seconds=4.0)
        full = Extras(grid, {0.8: 1, 1.0: 5, 1.2: 1}, 1.0, rounds=3, seconds=8.0)
        return Plan(
            systems=_chosen("--systems", self.systems, _SYSTEMS.split(",")),
            mixes=_chosen("--mixes", self.mixes or ("mixed" if self.quick else ",".join(_MIXES)), _MIXES),
            rounds=self.rounds or (2 if self.quick else 5),
            seconds=self.seconds or (5.0 if self.quick else 10.0),
            extras=quick if self.quick else full,
            model_repository=self.model_repository,
            directory=directory / "bench",
            read_movielens=lambda: movielens.from_recbole(directory / "downloads"),
        )


def bench(choice: BenchChoice, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Compare throughput, latency and cost with sentence-transformers, Infinity, ONNX Runtime and Triton.

    All rank the same texts with the same weights, in rotated rounds. The first run installs Infinity into an
    environment of its own, which takes minutes; what cannot run here is reported as absent.
    """
    configure_logging("error")  # standard output is the result's alone
    directory = (state_dir or stack.default_state_directory()).resolve()
    with remedy("crossrank bench --help", FileNotFoundError):
        document = _measured(choice, directory, quiet=as_json)
    if as_json:
        console.print_json(document)
    else:
        _print(document)
    console.say(f"raw numbers: {choice.out / 'summary.json'} · page: {choice.out / 'report.html'}")


def _measured(choice: BenchChoice, directory: Path, *, quiet: bool) -> dict[str, Any]:
    plan = choice.plan(directory)
    with console.progress_bar("preparing weights and texts", quiet=quiet):
        benchmark = Benchmark(plan)
    turns = plan.rounds * len(plan.systems)
    with console.progress_bar("rounds", turns, quiet=quiet) as bar:
        begun = 0

        def tell(name: str) -> None:
            nonlocal begun
            bar.describe(f"round {begun // len(plan.systems) + 1} of {plan.rounds}: {name}", turns)
            bar(int(begun > 0))
            begun += 1

        outcome = benchmark.run(tell)
    document = build_document(outcome, _recommending(choice, outcome, directory, quiet=quiet))
    choice.out.mkdir(parents=True, exist_ok=True)
    (choice.out / "summary.json").write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")
    page = render_page(document, throughput(outcome.record, plan.mixes[0]))
    (choice.out / "report.html").write_text(page, encoding="utf-8")
    return document


def _recommending(choice: BenchChoice, outcome: Outcome, directory: Path, *, quiet: bool) -> Mapping[str, Any]:
    if choice.quick or "gateway" not in outcome.plan["systems"] or "gateway" in outcome.record.absent:
        reason = "left out by --quick" if choice.quick else "the gateway was not measured"
        return {"recommend_minus_rerank_p50_ms": NOT_MEASURED, "reason": reason}
    return asyncio.run(measure_recommend(directory, choice.model_repository.resolve(), quiet=quiet))


def _chosen(option: str, given: str, known: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise CommandFailed(
            f"{option} has {', '.join(unknown) or 'no name'}",
            remedy=f"choose of {', '.join(known)}",
            exit_code=ExitCode.USAGE,
        )
    return names


def _print(document: Mapping[str, Any]) -> None:
    rows = []
    for name, rate in document["pairs_per_s"].items():
        spread, cost = document["pairs_per_s_spread"].get(name, {}), document["cost"].get(name, {})
        cells = (rate, spread.get("min"), spread.get("max"), document["ratios"].get(f"gateway_vs_{name}"))
        costs = (cost.get("cpu_s_per_1000_pairs"), cost.get("peak_memory_mb"))
        tau = document["agreement"].get(name, {}).get("mean")
        rows.append([name, *(_cell(one) for one in (*cells, *costs, tau))])
    columns = ("system", "pairs/s", "lowest", "highest", "gateway ×", "CPU s/1000", "MB", "Kendall tau")
    title = "100 candidates a request, medians of rounds; gateway ×: how many times as fast it is"
    console.print_table(columns, rows, title=title)
    loads = [
        [key, *(_cell(one.get(name)) for name in ("p50", "p95", "p99", "pairs_per_s")), f"{one['degraded']}"]
        for key, one in document["latency_ms"].items()
    ]
    console.print_table(("load, callers x candidates", "p50 ms", "p95 ms", "p99 ms", "pairs/s", "degraded"), loads)
    for name, reason in document["absent"].items():
        console.say(f"{name} is absent: {reason}", style="yellow")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
