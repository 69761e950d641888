"""The demo for people: two lists side by side per user, then a summary. Must not ask anything."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich.text import Text

from clients.command_line.ask.ranked_table import about, milliseconds, moved, number, proposed_by, title
from clients.command_line.shared import console
from clients.command_line.shared.hints import copyable
from clients.command_line.shared.verdict_table import print_verdict
from clients.command_line.stack.demo_run import Demo, UserDemo
from crossrank_client import RankedItem

_COLUMNS = ("", "first stage", "re-ranked", "moved", "logit", "proposed by")
_OTHER_COLUMNS = 42
"""What is as wide as it is, with the space between columns; the two titles of a row share the rest of the line."""


def print_demo(found: Demo) -> None:
    """Everything."""
    for user in found.users:
        _print_user(user)
    if found.ranker:
        print_verdict(found.ranker)
    _print_summary(found)


def _print_user(user: UserDemo) -> None:
    print_line = console.results.print
    print_line(Text(f"User {user.user_id} likes {user.liked} films, most recently", style="bold"))
    print_line(Text(" · ".join(user.history)))
    print_line()
    logits = {item.item_id: item.logit for item in user.read.items}
    console.print_table(_COLUMNS, _rows(user.first_stage.items, user.reranked.items, logits))
    for line in about(user.reranked.metadata):
        print_line(line)
    served, read = user.reranked.metadata, user.read.metadata
    print_line(
        Text(
            f"asked a second time, for the logits above: {read.scored_count} of {read.candidate_count} read by the "
            f"cross-encoder, {milliseconds(read.total_s)} instead of {milliseconds(served.total_s)}",
            style="dim",
        )
    )
    print_line()


def _rows(
    first_stage: Sequence[RankedItem], reranked: Sequence[RankedItem], logits: Mapping[str, float | None]
) -> list[list[str | Text]]:
    rows: list[list[str | Text]] = []
    for rank, (before, after) in enumerate(zip_longest(first_stage, reranked), 1):
        row: list[str | Text] = [str(rank), _name(before) if before else ""]
        if after:
            row += [_name(after), moved(after), number(logits.get(after.item_id)), proposed_by(after)]
        rows.append([*row, *[""] * (len(_COLUMNS) - len(row))])
    return rows


def _name(item: RankedItem) -> Text:
    name = Text(title(item.fields, item.item_id))
    name.truncate((console.results.width - _OTHER_COLUMNS) // 2, overflow="ellipsis")
    return name


def _print_summary(found: Demo) -> None:
    memory = "   ".join(f"{name} {megabytes:.0f} MB" for name, megabytes in found.memory_mb.items())
    phases = "   ".join(f"{phase} {seconds:.1f} s" for phase, seconds in found.seconds.items())
    model = found.users[0].reranked.metadata
    rows = [
        ("model", f"{model.model} version {model.model_version}, fingerprint {model.encoding_fingerprint}"),
        ("data", "MovieLens 100K, indexed now" if found.indexed else "MovieLens 100K, indexed by an earlier run"),
        ("memory", memory),
        ("time", f"{phases}   together {sum(found.seconds.values()):.1f} s"),
    ]
    console.print_table(("", ""), rows)
    console.say()
    turn = f"your turn: crossrank up, then crossrank recommend --user {found.users[0].user_id}"
    console.say(copyable(turn))
