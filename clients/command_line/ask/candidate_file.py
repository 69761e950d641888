"""Candidates and filters as people write them: ids, JSON, CSV, name=value. Must not call the service."""

import csv
import json
from pathlib import Path
from typing import Any

from clients.command_line.shared.console import CommandFailed
from crossrank_client import AnyOf, Candidate, Filter, InRange

_NOT_FIELDS = ("item_id", "first_stage_score")


def read_candidates(file: Path) -> list[Candidate]:
    """Candidates of a .json or .csv file, in its order. Raises CommandFailed.

    JSON: a list of ids, or of objects {"item_id", "fields": {name: text}, "first_stage_score"}. CSV: a column item_id,
    optionally first_stage_score; every other column is a text field.
    """
    try:
        text = file.read_text(encoding="utf-8")
        rows = json.loads(text) if file.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
        return [_candidate(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise CommandFailed(
            f"{file} is no list of candidates: {type(fault).__name__}: {fault}",
            remedy='a .json file like [{"item_id": "1", "fields": {"title": "Alien"}}], or a .csv file with an item_id',
        ) from fault


def parse_filter(text: str) -> Filter:
    """A filter from "genres=Drama,War" (any of) or "year=1990..1999" (a range; either end may be left out)."""
    attribute, equals, condition = text.partition("=")
    if not attribute or not equals or not condition:
        raise CommandFailed(f"{text!r} is no filter", remedy="name=value,value or name=low..high")
    low, dots, high = condition.partition("..")
    if not dots:
        return AnyOf(attribute, tuple(condition.split(",")))
    try:
        return InRange(attribute, float(low) if low else None, float(high) if high else None)
    except ValueError as fault:
        raise CommandFailed(f"the range of filter {text!r} is no number", remedy="year=1990..1999") from fault


def _candidate(row: Any) -> Candidate:
    if isinstance(row, str):
        return Candidate(row)
    if "fields" in row:
        fields = {str(name): str(value) for name, value in row["fields"].items()}
    else:
        fields = {name: value for name, value in row.items() if name not in _NOT_FIELDS and value}
    if not row.get("item_id"):
        raise ValueError(f"the candidate {json.dumps(row)[:80]} has no item_id")
    score = row.get("first_stage_score")
    return Candidate(str(row["item_id"]), fields, None if score in (None, "") else float(score))
