"""crossrank gpu-check: what a card does with cross-encoders, as a table. Must not measure itself."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.gpu_check import report as tables
from training.gpu_check.check import CheckPlan, run_check

SHIPPED = PROJECT_REPOSITORY / "cross_encoder" / "1"


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
    with redirect_stdout(sys.stderr), console.progress_bar("gpu-check", quiet=as_json) as bar:
        found = run_check(CheckPlan(version=version, device=device, quick=quick), bar.describe)
    if report:
        found.write(report)
    _tell(found, as_json)


def _tell(found: tables.CheckReport, as_json: bool) -> None:
    if as_json:
        console.print_json(found.to_dict())
        return
    card = found.card
    console.say(f"{card.name}: {card.bf16_flops / 1e12:.3g} TFLOP/s in bf16 ({card.product_size}³)")
    console.print_table(tables.EXACTNESS_COLUMNS, [tables.exactness_cells(one) for one in found.exactness])
    console.print_table(tables.SPEED_COLUMNS, [tables.speed_cells(one) for one in found.speeds])
    for fault in found.faults:
        console.say(f"could not run: {fault}", style="yellow")
