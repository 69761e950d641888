"""crossrank ablate: variants of one configuration, trained and measured on valid lists. Must not train or measure
itself."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.run_choice import RunChoice
from training.ablation.ablation import Ablation
from training.ablation.plot import write_plot
from training.ablation.table import COLUMNS, AblationRow
from training.ablation.variants import base_of, parse_varied, variants
from training.first_stage.list_cache import SharedLists
from training.options.fit import SelectOptions

Users = Annotated[int, typer.Option(help="Valid lists to measure on, drawn by the base configuration's seed.", min=1)]
Depth = Annotated[int, typer.Option(help="Candidates of a list to rank.", min=10, max=1000)]


@dataclass(frozen=True, slots=True)
class VariantChoice:
    """Which variants."""

    vary: Annotated[
        list[str],
        typer.Option("--vary", metavar="KEY=VALUE,VALUE", help="A key of the configuration and its values; repeat it."),
    ]
    same: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key that is the same in all variants; repeat it."),
    ] = None
    grid: Annotated[bool, typer.Option("--grid", help="Every combination, instead of one key at a time.")] = False


def ablate(
    choice: RunChoice, change: VariantChoice, users: Users = 500, depth: Depth = 100, as_json: AsJson = False
) -> None:
    """Train and measure variants of a configuration: NDCG@10 on valid lists, tested against the base, and speed.

    Example: --vary text.history_items=2,4,8 --vary layers=6,3,2 --set fit.lists=1400. Each variant has a folder of its
    own under the run's; repeat the command to go on after a stop. Writes ablation.csv, ablation.md and
    quality_against_speed.svg and .png.
    """
    rows, folder = _run(choice, change, SelectOptions(users, depth))
    if as_json:
        console.print_json({"folder": str(folder), "variants": [one.to_dict() for one in rows]})
        return
    title = f"{len(rows[0].result.ndcg_by_user)} valid lists; gain: over the base; p: paired randomisation test (Holm)"
    console.print_table(COLUMNS, [one.cells() for one in rows], title=title)
    console.say(f"written: {folder}/ablation.csv, ablation.md, quality_against_speed.svg, .png")


def _run(choice: RunChoice, change: VariantChoice, measured: SelectOptions) -> tuple[list[AblationRow], Path]:
    config = base_of(choice.read_config(), [parse_varied(one) for one in change.same or []])
    chosen = variants(config, [parse_varied(one) for one in change.vary], grid=change.grid)
    tables, folder = choice.read_tables(), choice.folder(config) / "ablation"
    folder.mkdir(parents=True, exist_ok=True)
    lists = SharedLists(tables, console.say)
    ablation = Ablation(folder, tables, lists, measured, console.say)
    with redirect_stdout(sys.stderr):  # the trainer's log; standard output is the result's alone
        rows = ablation.run(chosen)
    write_plot(folder, rows)
    return rows, folder
