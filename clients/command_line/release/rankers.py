"""crossrank rankers: which rankers were fitted on this catalogue, what was measured of each, and which one serves. Must
not fit, judge or change any."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from clients.command_line.release.stored import Stored
from clients.command_line.shared import console
from clients.command_line.shared.access import Access
from clients.command_line.shared.connection import Connection
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.hints import copyable
from clients.command_line.shared.running_stack import gateway_url
from clients.command_line.shared.verdict_table import order_name
from crossrank_client import Ranker
from gateway.ports import KeptRanker
from gateway.ranker.fitted import FIRST_STAGE, MeasuredOrder
from gateway.store.rankers import PostgresRankerStore


@dataclass(frozen=True, slots=True)
class Asked(Access):
    """Who is asked which one serves."""

    target: Annotated[
        str, typer.Option(help="The gateway that tells which one serves. Default: the stack that runs here.")
    ] = ""


def rankers(stored: Stored, asked: Asked, as_json: AsJson = False) -> None:
    """List the rankers that index fitted, newest first: what each orders lists by, what was measured, which one serves.
    CROSSRANK_RANKER=VERSION makes a gateway go back to one."""
    kept = stored.read(lambda database, budget: PostgresRankerStore(database).kept(budget))
    served = _served(stored, asked)
    rows = [_row(one, served) for one in kept]
    if as_json:
        console.print_json({"served": served.version if served else None, "rankers": rows})
        return
    if not kept:
        console.say(copyable("no ranker was fitted: crossrank index"))
        return
    headings = ("version", "fitted", "orders lists by", "NDCG@10", "gain", "p", "users", "")
    console.print_table(headings, [_cells(one) for one in rows])
    console.say("gain: in NDCG@10 over the best first stage, on held-out users; p after Holm's correction")
    if served is None:
        console.say("no gateway was asked which one serves: it is the newest unless CROSSRANK_RANKER names another")
    elif served.version not in {one.version for one in kept}:
        console.say(f"none of them serves, but first-stage order: {served.reason}")


def _served(stored: Stored, asked: Asked) -> Ranker | None:
    """None where no gateway runs, or it has no ranker."""
    target = asked.target or ("" if stored.database_url else gateway_url(stored.state_dir))
    if not target:
        return None
    return Connection(**{**asdict(asked), "target": target}).ask(lambda client: client.get_info()).ranker


def _row(one: KeptRanker, served: Ranker | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "version": one.version,
        "made_at": one.made_at.isoformat(timespec="seconds"),
        "serves": one.version == served.version if served else None,
        "readable": one.ranker is not None,
    }
    if one.ranker is None:
        return row
    verdict = one.ranker.verdict
    orders = verdict.serves if one.ranker.trees else FIRST_STAGE
    return row | {
        "orders": orders,
        **{name: asdict(verdict)[name] for name in ("reason", "users", "first_stage", "rows")},
    }


def _cells(row: dict[str, Any]) -> list[str | Text]:
    mark = Text("serves" if row["serves"] else "", style="green")
    known = [row["version"], row["made_at"][:16].replace("T", " ")]
    if not row["readable"]:
        return [*known, "cannot be read", "-", "-", "-", "-", mark]
    name = row["first_stage"] if row["orders"] == FIRST_STAGE else row["orders"]
    measured = next((MeasuredOrder(**one) for one in row["rows"] if one["name"] == name), None)
    figures = ["-", "-", "-"]
    if measured:
        compared = row["orders"] != FIRST_STAGE
        figures = [
            f"{measured.ndcg:.4f}",
            *([f"{measured.difference:+.4f}", f"{measured.p:.4f}"] if compared else ["-", "-"]),
        ]
    return [*known, order_name(name), *figures, f"{row['users']:,}", mark]
