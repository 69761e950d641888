"""A ranked list for people: the items with their moves and scores, then how the list came about. Must not call the
service."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from clients.command_line.shared import console
from crossrank_client import RankedItem, RankedList, RankingMetadata, StageTime

_COLUMNS = ("rank", "moved", "item", "title", "score", "logit", "proposed by", "")
_ORDERS = {"FIRST_STAGE": "first stage", "TREES": "trees", "READER": "cross-encoder"}
_GIVEN = ("FIRST_STAGE", "caller")


def print_ranked(ranked: RankedList) -> None:
    """The list, and a line each on degradation, model and time."""
    explained = any(item.contributions for item in ranked.items)
    columns = (*_COLUMNS, "because of") if explained else _COLUMNS
    console.print_table(columns, [_row(item, explained=explained) for item in ranked.items])
    for line in about(ranked.metadata):
        console.results.print(line)


def about(metadata: RankingMetadata) -> list[Text]:
    """How the list came about: degradations first."""
    order = f"ordered by {_ORDERS.get(metadata.ordered_by, metadata.ordered_by)} {metadata.ordered_by_version}".strip()
    if (metadata.ordered_by, metadata.ordered_by_version) == _GIVEN:
        order = "in the order that was given: nothing was measured to be better"
    counts = f"{metadata.candidate_count} candidates, {_read(metadata)}"
    return [
        *(
            Text.assemble((" DEGRADED ", "black on yellow"), f" {one.reason}: {one.detail}")
            for one in metadata.degraded
        ),
        Text(f"{order} · {counts}", style="dim"),
        Text(f"{stage_times(metadata.stages)} · total {milliseconds(metadata.total_s)}", style="dim"),
    ]


def _read(metadata: RankingMetadata) -> str:
    if not metadata.scored_count:
        return "none read by the cross-encoder"
    read = f"{metadata.scored_count} read by {metadata.model} version {metadata.model_version}"
    return f"{read}, {metadata.cache_hits} logits from the cache"


def moved(item: RankedItem) -> Text:
    """▲ and ▼ with the number of places against the first stage."""
    if item.moved > 0:
        return Text(f"▲ {item.moved}", style="green")
    if item.moved < 0:
        return Text(f"▼ {-item.moved}", style="red")
    return Text("=", style="dim")


def proposed_by(item: RankedItem) -> str:
    """The source that proposed the item, or how many did; --json names them all."""
    return f"{len(item.sources)} sources" if len(item.sources) > 1 else "".join(item.sources)


def title(fields: Mapping[str, str], item_id: str) -> str:
    """What people call the item: its title, else its first text, else its id."""
    return fields.get("title") or next((text for text in fields.values() if text), item_id)


def number(value: float | None) -> str:
    """Three decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def stage_times(stages: Sequence[StageTime]) -> str:
    """The stages in the order of the path."""
    return " · ".join(f"{one.stage} {milliseconds(one.seconds)}" for one in stages)


def milliseconds(seconds: float) -> str:
    """For people."""
    return f"{seconds * 1000:.1f} ms"


def _row(item: RankedItem, *, explained: bool) -> list[str | Text]:
    notes = [
        note
        for note, holds in (("cached", item.cached), ("cut", item.truncated), ("no valid score", item.score_invalid))
        if holds
    ]
    row: list[str | Text] = [
        str(item.rank),
        moved(item),
        item.item_id,
        title(item.fields, ""),
        number(item.score),
        number(item.logit),
        proposed_by(item),
        Text(", ".join(notes), style="dim"),
    ]
    if explained:
        strongest = item.contributions[:3]
        row.append(", ".join(f"{one.item_id} {one.logit_difference:+.2f}" for one in strongest))
    return row
