"""What was measured of a fitted ranker, for people. Must not fit or judge."""

from rich.text import Text

from clients.command_line.shared import console
from gateway.ranker.fitted import FIRST_STAGE, FittedRanker, MeasuredOrder

_NAMES = {
    "own": "trees fitted on this catalogue",
    "default": "trees for any catalogue",
    "blend": "all sources, blended",
}


def print_verdict(ranker: FittedRanker) -> None:
    """A row per order that was measured, then which one is served and why."""
    verdict = ranker.verdict
    served = verdict.first_stage if verdict.serves == FIRST_STAGE else verdict.serves
    if verdict.rows:
        console.print_table(
            ("order", "NDCG@10", "95 %", "against the best first stage", "p", ""),
            [_row(row, base=row.name == verdict.first_stage, served=row.name == served) for row in verdict.rows],
        )
    console.results.print(
        Text(f"Lists are ordered by: {_NAMES.get(served, served)} ({ranker.version}). {verdict.reason}.")
    )


def _row(row: MeasuredOrder, *, base: bool, served: bool) -> list[str | Text]:
    interval = f"{row.low:.3f} to {row.high:.3f}"
    compared = ["best first stage", ""] if base else [f"{row.difference:+.4f}", f"{row.p:.4f}"]
    mark = Text("served", style="green") if served else Text("")
    return [_NAMES.get(row.name, row.name), f"{row.ndcg:.4f}", interval, *compared, mark]
