"""crossrank loadtest: a model on Triton under perf_analyzer's load, with pairs of real users. Must not measure."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer

from clients.command_line.measure.request_sample import sampled
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, StateDirectory
from clients.command_line.shared.running_stack import running_stack
from clients.load.perf_analyzer.binary import Load, find_perf_analyzer
from clients.load.perf_analyzer.campaign import Campaign, Result
from clients.load.perf_analyzer.inputs import Inputs
from clients.load.perf_analyzer.report import COLUMNS
from clients.load.sample.pairs import sample_pairs
from deploy.local import stack
from gateway.telemetry.logs import configure_logging


@dataclass(frozen=True, slots=True)
class LoadChoice:
    """How hard and how long."""

    model: Annotated[str, typer.Option(help="The model on Triton.")] = "cross_encoder"
    concurrency: Annotated[str, typer.Option(help="Requests in flight: from, to and step, joined by colons.")] = "1:4:1"
    rate: Annotated[str, typer.Option(help="Instead: requests per second, written alike, sent at random moments.")] = ""
    window_ms: Annotated[int, typer.Option(help="One measurement window; three alike end a level.", min=200)] = 2000
    stability: Annotated[int, typer.Option(help="Percent by which windows may differ.", min=1)] = 25

    def load(self) -> Load:
        """For perf_analyzer."""
        return Load(self.concurrency, self.rate, self.window_ms, stability_percent=self.stability)


@dataclass(frozen=True, slots=True)
class SampleChoice:
    """What is sent."""

    users: Annotated[int, typer.Option(help="Users whose recommendations are taken.", min=1)] = 20
    candidates: Annotated[int, typer.Option(help="Candidates per user.", min=1, max=1000)] = 100
    rows_per_request: Annotated[int, typer.Option(help="Pairs in one request to Triton.", min=1, max=64)] = 8
    length_classes: Annotated[int, typer.Option(help="Classes of length, measured one by one.", min=1, max=10)] = 3


def loadtest(load: LoadChoice, sample: SampleChoice, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Drive a model on Triton with perf_analyzer and print throughput and latency.

    Uses the running stack, else starts one for the duration; indexes MovieLens 100K when nothing is indexed.
    """
    configure_logging("error")  # standard output is the result's alone
    directory = (state_dir or stack.default_state_directory()).resolve()
    folder = directory / "load"
    folder.mkdir(parents=True, exist_ok=True)
    analyzer = find_perf_analyzer(directory / "tools" / "perf_analyzer")
    with running_stack(directory) as state:
        taken = partial(sample_pairs, users=sample.users, candidates=sample.candidates)
        lists = sampled(directory, state, taken)
        url = state.part("triton").url
        analyzer = replace(analyzer, headers=stack.control_headers(directory))
        campaign = Campaign(url, load.model, load.load(), sample.rows_per_request, sample.length_classes)
        told = 0

        def tell(inputs: Inputs) -> None:
            nonlocal told
            told += 1
            console.say(
                f"length class {told}: {inputs.requests} requests of {sample.rows_per_request} rows, "
                f"{inputs.length} tokens a row, {inputs.padding:.0%} padding"
            )

        result = campaign.run(analyzer, lists, folder, tell)
    if as_json:
        console.print_json(result.document())
    else:
        _print_result(result)


def _print_result(result: Result) -> None:
    for one in result.classes:
        doubt = "" if one.stable else ", unstable: the windows differ more than --stability allows"
        title = f"{result.model}, {one.inputs.length} tokens a row, {result.rows_per_request} rows a request{doubt}"
        console.print_table(COLUMNS, [measurement.cells() for measurement in one.measurements], title=title)
    rows = [[total.load, f"{total.rows_per_s:,.1f}", f"{total.requests_per_s:,.1f}"] for total in result.totals()]
    console.print_table(("load", "rows/s", "requests/s"), rows, title="all lengths, by their share of the rows")
