"""Ranking examples: a history, items with the positive first, their labels. Knows no text and no model.

Items and history items are references: an item id, or an item id with the text fields that are left out of it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.domain.files import read_json_lines, replace_json_lines
from gateway.domain.history import History


@dataclass(frozen=True, slots=True)
class RankingExample:
    """``items`` with the positive first; ``labels``: one per item, higher is better.
    ``user_id``: whose, so that a gate can hold it against what that user is evaluated on."""

    history: History[str]
    items: tuple[str, ...]
    labels: tuple[float, ...]
    user_id: str = ""


def write_examples(file: Path, examples: Sequence[RankingExample]) -> None:
    """One JSON document a line; complete or not there."""
    replace_json_lines(file, ({**asdict(one), "history": one.history.oldest_first} for one in examples))


def read_examples(file: Path) -> list[RankingExample]:
    """What write_examples wrote."""
    return [_parse(data) for data in read_json_lines(file)]


def _parse(data: dict[str, Any]) -> RankingExample:
    history = History(oldest_first=tuple(data["history"]))
    return RankingExample(history, tuple(data["items"]), tuple(data["labels"]), data["user_id"])
