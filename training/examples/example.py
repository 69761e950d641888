"""Ranking examples: a history, items with the positive first, their labels. Knows no text and no model.

Items and history items are references: an item id, or an item id with the text fields that are left out of it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class RankingExample:
    """``history`` oldest first; ``items`` with the positive first; ``labels``: one per item, higher is better.
    ``user_id``: whose, so that a gate can hold it against what that user is evaluated on."""

    history: tuple[str, ...]
    items: tuple[str, ...]
    labels: tuple[float, ...]
    user_id: str = ""


def write_examples(file: Path, examples: Sequence[RankingExample]) -> None:
    """One JSON document a line; complete or not there."""
    partial = file.with_name(file.name + ".partial")
    with partial.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(asdict(one)) + "\n" for one in examples)
    partial.replace(file)


def read_examples(file: Path) -> list[RankingExample]:
    """What write_examples wrote."""
    with file.open(encoding="utf-8") as lines:
        return [_parse(json.loads(line)) for line in lines]


def _parse(data: dict[str, Any]) -> RankingExample:
    return RankingExample(tuple(data["history"]), tuple(data["items"]), tuple(data["labels"]), data["user_id"])
