"""crossrank verify: does the running stack serve what was trained? Must not compare anything itself."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.release.released_model import serving_version
from clients.command_line.shared import console
from clients.command_line.shared.access import Access
from clients.command_line.shared.connection import running_gateway
from clients.command_line.shared.console import AsJson, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.running_stack import running_url
from crossrank_client import CrossrankCallError
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.release.verification.lists import ListPlan
from training.release.verification.verify import Verifier


def verify(
    model_repository: Annotated[
        Path, typer.Option(help="The repository that the stack's Triton loads.")
    ] = PROJECT_REPOSITORY,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Trained fp32 weights. Default: rebuilt from the shipped graph.")
    ] = None,
    *,
    access: Access,
    lists: Annotated[int, typer.Option(help="Lists to compare, of 50 candidates each.", min=1)] = 20,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Compare served logits with `transformers` in fp32, pair by pair, for random lists from the catalogue."""
    directory = state_dir or stack.default_state_directory()
    verifier = Verifier(
        version_folder=serving_version(model_repository / "cross_encoder"),
        gateway_url=running_gateway(state_dir),
        triton_url=running_url(directory, "triton"),
        triton_headers=stack.control_headers(directory),
        checkpoint=checkpoint,
        plan=ListPlan(lists=lists),
        connect=access.client,
    )
    with (
        console.progress_bar("reference, pair by pair", lists * verifier.plan.candidates, quiet=as_json) as bar,
        remedy("crossrank doctor; crossrank index fills the catalogue", CrossrankCallError, ValueError),
    ):
        report = asyncio.run(verifier.run(bar))
    if as_json:
        console.print_json(report.to_json())
    else:
        rows = [
            (name, f"{value:.2e}" if isinstance(value, float) else str(value))
            for name, value in report.to_json().items()
        ]
        console.print_table(("", "value"), rows, title="served against the reference")
    if report.faults:
        console.leave(ExitCode.FAILURE)
