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
    """A row per order that was measured, then which one is served and why."""
    if ranker.measured:
        console.print_table(
            ("order", "NDCG@10", "95 %", "against the best first stage", "p", ""),
            [_row(row, served=row.name == ranker.serves) for row in ranker.measured],
        )
    name = "first-stage order" if ranker.serves == _FIRST_STAGE else _NAMES[ranker.serves]
    console.results.print(Text(f"lists are ordered by {name} ({ranker.version}): {ranker.reason}"))


def _row(row: MeasuredOrder, *, served: bool) -> list[str | Text]:
    compared = [f"{row.difference:+.4f}", f"{row.p:.4f}"] if row.p < 1 or row.difference else ["–", ""]
    mark = Text("served" if served else "", style="green")
    return [order_name(row.name), f"{row.ndcg:.4f}", f"{row.low:.3f} to {row.high:.3f}", *compared, mark]
