"""crossrank gpu-check: what a card does with cross-encoders, as a table. Must not measure itself."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode
from deploy.local.parts.triton import PROJECT_REPOSITORY

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.gpu_check.report import CheckReport

SHIPPED = PROJECT_REPOSITORY / "cross_encoder" / "1"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("gpu-check")(gpu_check)


def gpu_check(
    device: Annotated[str, typer.Option(help="auto, cuda, cuda:N, or cpu to try the program.")] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="A tiny shape for a moment: its speeds say nothing.")] = False,
    version: Annotated[Path, typer.Option(help="Version folder whose logits are compared with fp32.")] = SHIPPED,
    report: Annotated[Path | None, typer.Option(help="Folder for gpu-check.json and gpu-check.md.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a GPU: bf16 products, exactness of half precision, pairs/s of MiniLM-L6 and bge-reranker shapes.

    Takes some ten minutes. Exit code 3: there is no GPU that torch can use.
    """
    from training.errors import TrainingError
    from training.gpu_check.card import NoAccelerator
    from training.gpu_check.check import CheckPlan, run_check

    try:
        with redirect_stdout(sys.stderr), console.progress_bar("gpu-check", quiet=as_json) as bar:
            found = run_check(CheckPlan(version=version, device=device, quick=quick), bar.describe)
    except NoAccelerator as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy, exit_code=ExitCode.UNHEALTHY) from fault
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    if report:
        found.write(report)
    _tell(found, as_json)


def _tell(found: "CheckReport", as_json: bool) -> None:
    from training.gpu_check import report

    if as_json:
        console.print_json(found.to_dict())
        return
    card = found.card
    console.say(f"{card.name}: {card.bf16_flops / 1e12:.3g} TFLOP/s in bf16 ({card.product_size}³)")
    console.print_table(report.EXACTNESS_COLUMNS, [report.exactness_cells(one) for one in found.exactness])
    console.print_table(report.SPEED_COLUMNS, [report.speed_cells(one) for one in found.speeds])
    for fault in found.faults:
        console.say(f"could not run: {fault}", style="yellow")
