"""crossrank profile: a flame graph of the gateway under load. Must not measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.load.bench.flame_graph import draw_gateway
from clients.load.bench.workload.readings import Load
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.telemetry.logs import configure_logging


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    """The load, how long it is sampled, and where the picture goes."""

    callers: Annotated[int, typer.Option(help="Callers, each waiting for its answer.", min=1, max=64)] = 4
    candidates: Annotated[int, typer.Option(help="Candidates of a request.", min=1, max=1000)] = 100
    seconds: Annotated[int, typer.Option(help="Of load and of samples.", min=1, max=600)] = 20
    model_repository: Annotated[Path, typer.Option(help="Whose cross-encoder.", file_okay=False)] = PROJECT_REPOSITORY
    out: Annotated[Path, typer.Option(help="The picture, SVG.", dir_okay=False)] = Path("build/profile/gateway.svg")


def profile(choice: ProfileChoice, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Draw where the gateway's processor time goes, as a flame graph by py-spy, under the load of crossrank bench.

    Starts a stack of its own. Samples are taken of the Python stacks of threads that run, without stopping them.
    """
    configure_logging("error")  # standard output is the result's alone
    directory = (state_dir or stack.default_state_directory()).resolve() / "profile"
    load = Load("mixed", "closed", choice.callers, choice.candidates)
    with (
        remedy("crossrank profile --help", FileNotFoundError),
        console.progress_bar(f"sampling for {choice.seconds} s", quiet=as_json),
    ):
        found = draw_gateway(choice.model_repository.resolve(), directory, load, choice.seconds, choice.out)
    document = {"picture": str(choice.out), "load": load.key, "pairs_per_s": found.pairs_per_s}
    if as_json:
        console.print_json(document)
    else:
        console.print_table(("load, callers x candidates", "pairs/s"), [[load.key, f"{found.pairs_per_s:,.0f}"]])
        console.say(f"picture: {choice.out}, in a browser; a click enlarges a part")
