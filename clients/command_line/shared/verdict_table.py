"""What was measured of the ranker of a catalogue, for people. Must not fit, judge or ask."""

from rich.text import Text

from clients.command_line.shared import console
from crossrank_client import MeasuredOrder, Ranker

_NAMES = {"own": "trees of this catalogue", "default": "trees for any catalogue", "blend": "all sources, blended"}
_FIRST_STAGE = "first_stage"


def order_name(name: str) -> str:
    """An order as people call it."""
    return _NAMES.get(name, name)


def print_verdict(ranker: Ranker) -> None:
    """A row per order that was measured, what they are compared with, then which one is served and why."""
    print_line = console.results.print
    if ranker.measured:
        columns = ("order", "NDCG@10", "95 %", "difference", "p", "")
        console.print_table(columns, [_row(ranker, row) for row in ranker.measured])
        base = _NAMES.get(ranker.first_stage, ranker.first_stage)
        compared = f"difference: to {base}, which was the best first stage on other lists; p: corrected (Holm)"
        print_line(Text(compared, style="dim"))
    name = "first-stage order" if ranker.serves == _FIRST_STAGE else _NAMES[ranker.serves]
    print_line(Text(f"lists are ordered by {name} ({ranker.version}): {ranker.reason}"))


def _row(ranker: Ranker, row: MeasuredOrder) -> list[str | Text]:
    is_base = row.name == ranker.first_stage
    compared = ["base", ""] if is_base else [f"{row.difference:+.4f}", f"{row.p:.4f}"]
    served = is_base if ranker.serves == _FIRST_STAGE else row.name == ranker.serves
    mark = Text("served" if served else "", style="green")
    return [order_name(row.name), f"{row.ndcg:.4f}", f"{row.low:.3f} to {row.high:.3f}", *compared, mark]
