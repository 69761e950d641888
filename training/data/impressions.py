"""Items that were shown to users, as a table: what was chosen, where each stood, how likely that place was looked at.
Position and propensity are for training alone: no served feature may read them. Knows no database.

impressions: ``attribution_token`` (names the list), ``user_id`` (empty: the list was for no user), ``time``,
``item_id``, ``rank`` (as shown, from 1), ``first_stage_rank`` (before re-ranking), ``event`` and ``weight`` (the
strongest thing the user did with it; empty and 0: shown but not chosen), ``propensity``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from training.data.faults import RowFaults
from training.data.known import known_item
from training.data.rows import Row, parse_time, parse_weight

SMOOTHING = 10.0
"""Showings with the overall rate that every rank is given before it is counted."""

LOWEST_PROPENSITY = 0.05


@dataclass(frozen=True, slots=True)
class ImpressionRow:
    """One item of one shown list. ``time`` is aware."""

    attribution_token: str
    user_id: str
    time: datetime
    item_id: str
    rank: int
    first_stage_rank: int
    event: str
    weight: float
    propensity: float

    @property
    def chosen(self) -> bool:
        """The user wanted it."""
        return self.weight > 0

    def cells(self) -> tuple[str, ...]:
        """In the order of IMPRESSION_COLUMNS."""
        return (
            *(self.attribution_token, self.user_id, self.time.isoformat(), self.item_id),
            *(str(self.rank), str(self.first_stage_rank), self.event, f"{self.weight:.15g}", f"{self.propensity:.6g}"),
        )


IMPRESSION_COLUMNS = tuple(one.name for one in fields(ImpressionRow))


@dataclass(frozen=True, slots=True)
class RankCounts:
    """How often an item was shown at a rank, and chosen there."""

    shown: int
    chosen: int


def propensities(counts: Mapping[int, RankCounts]) -> dict[int, float]:
    """How likely a user looks at each rank, relative to the best one, between LOWEST_PROPENSITY and 1.

    The position-based model says P(chosen at rank k) = P(looked at k) P(wanted); where the wanted items are spread over
    the ranks, P(looked at k) / P(looked at 1) = CTR(k) / CTR(1) (Joachims, Swaminathan, Schnabel, WSDM 2017, section
    5.1). A ranker that is any good puts wanted items first, so this estimate is too low for low ranks: shuffle a share
    of the lists for a better one. CTR(k) = (chosen(k) + s r) / (shown(k) + s), with s = SMOOTHING and r the rate over
    all ranks; the ratio is cut at both ends, as inverse weights would else be without bound (ibid., section 4).
    """
    shown = sum(one.shown for one in counts.values())
    chosen = sum(one.chosen for one in counts.values())
    if not chosen:
        return dict.fromkeys(counts, 1.0)
    rate = chosen / shown
    rates = {rank: (one.chosen + SMOOTHING * rate) / (one.shown + SMOOTHING) for rank, one in counts.items()}
    first = rates[min(rates)]
    return {rank: min(1.0, max(LOWEST_PROPENSITY, one / first)) for rank, one in rates.items()}


def read_impressions(file: Path, known: frozenset[str], faults: RowFaults) -> list[ImpressionRow]:
    """Impressions. Faults are an unknown item, a number out of bounds, a bad time, or an item that stands in one list
    twice. Raises TableInvalid on a missing column."""
    found: dict[tuple[str, str], int] = {}
    impressions = []
    for row in faults.rows(file, IMPRESSION_COLUMNS):
        with faults.of_row():
            one = _impression(row, known)
            first = found.setdefault((one.attribution_token, one.item_id), row.number)
            if first != row.number:
                message = f"the list shows {one.item_id!r} in {row.place(first)} too"
                raise row.fault("item_id", message, "keep one of the two rows")
            impressions.append(one)
    return impressions


def _impression(row: Row, known: frozenset[str]) -> ImpressionRow:
    item_id = known_item(row, known, "add the item, or drop the row")
    weight = row.parsed("weight", parse_weight, "a number of 0 or more")
    event = row.cells["event"].strip()
    if weight > 0 and not event:
        raise row.fault("event", f"it is empty, but the weight is {weight:g}", "name what the user did")
    return ImpressionRow(
        attribution_token=row.required("attribution_token"),
        user_id=row.cells["user_id"].strip(),
        time=row.parsed("time", parse_time, "ISO 8601 with a zone, or seconds since 1970"),
        item_id=item_id,
        rank=row.parsed("rank", _rank, "a whole number from 1 on"),
        first_stage_rank=row.parsed("first_stage_rank", _rank, "a whole number from 1 on"),
        event=event,
        weight=weight,
        propensity=row.parsed("propensity", _propensity, "a number above 0, at most 1"),
    )


def _rank(text: str) -> int:
    rank = int(text)
    if rank < 1:
        raise ValueError("it is below 1")
    return rank


def _propensity(text: str) -> float:
    propensity = float(text)
    if not (math.isfinite(propensity) and 0 < propensity <= 1):
        raise ValueError("it is no chance above 0")
    return propensity
