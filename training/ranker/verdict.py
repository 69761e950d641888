"""Which order of a list may be served: only what a paired test showed to be better than the best first stage. Knows no
way of fitting."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gateway.ranker.fitted import BLEND, FIRST_STAGE, ORDERS, MeasuredOrder, Order, Verdict
from training.lists.candidate_list import CandidateList
from training.metrics.ranking import ndcg, target_ranks
from training.metrics.significance import (
    SIGNIFICANCE,
    PairedDifference,
    Values,
    bootstrap_intervals,
    paired_differences,
)

DEPTH = 10
FEW_USERS = 200
"""On fewer a difference of a tenth is often not told from chance."""


def first_stage_gains(lists: Sequence[CandidateList]) -> dict[str, Values]:
    """By source, and of the blend: NDCG@10 [lists]."""
    blend = _gains(([candidate.item_id for candidate in one.candidates] for one in lists), lists)
    sources = lists[0].by_source if lists else ()
    return {BLEND: blend} | {name: _gains((one.by_source[name] for one in lists), lists) for name in sources}


def judge(
    choosing: Mapping[str, Values],
    first_stages: Mapping[str, Values],
    trees: Mapping[str, Values],
    missing: str = "",
    seed: int = 1,
) -> Verdict:
    """Says which order is served: of ``trees`` (by name of their Order) those significantly better than the best first
    stage the best, else first-stage order. NDCG@10 [lists] of each order: ``first_stages`` and ``trees`` on the same
    lists, ``choosing`` on others, where the best first stage is chosen, unless another is significantly better than it
    on these. ``missing``: why there are no trees of the
    team's own."""
    best = max(choosing, key=lambda name: float(choosing[name].mean()))
    columns = {**first_stages, **trees}
    rows = _rows(columns, _differences(columns, best, seed), seed)
    if overtaken := [row for row in _better(rows) if row.name in first_stages]:  # what was best is so no more
        best = max(overtaken, key=lambda row: row.ndcg).name
        rows = _rows(columns, _differences(columns, best, seed), seed)
    better = [row for row in _better(rows) if row.name in trees]
    served = max(better, key=lambda row: row.ndcg, default=None)
    serves: Order = next((order for order in ORDERS if served and order == served.name), FIRST_STAGE)
    lists = len(first_stages[best])
    return Verdict(serves, _reason(served, best, lists, missing), lists, best, rows)


def _differences(columns: Mapping[str, Values], base: str, seed: int) -> Mapping[str, PairedDifference]:
    others = [name for name in columns if name != base]
    first = np.stack([columns[name] for name in others], axis=1)
    found = paired_differences(first, np.repeat(columns[base][:, None], len(others), axis=1), seed)
    return dict(zip(others, found, strict=True))


def _better(rows: Sequence[MeasuredOrder]) -> list[MeasuredOrder]:
    """Significantly better than what all are compared with."""
    return [row for row in rows if row.difference > 0 and row.p < SIGNIFICANCE]


def _rows(
    columns: Mapping[str, Values], differences: Mapping[str, PairedDifference], seed: int
) -> tuple[MeasuredOrder, ...]:
    intervals = bootstrap_intervals(np.stack(list(columns.values()), axis=1), seed)
    rows = []
    for name, interval in zip(columns, intervals, strict=True):
        row = MeasuredOrder(name, interval.mean, interval.low, interval.high)
        if name in differences:
            found = differences[name]
            row = replace(
                row, difference=found.difference, difference_low=found.low, difference_high=found.high, p=found.p_holm
            )
        rows.append(row)
    return tuple(rows)


def _gains(ranked: Iterable[Sequence[str]], lists: Sequence[CandidateList]) -> Values:
    pairs = zip(ranked, lists, strict=True)
    return np.array([ndcg(target_ranks(order, one.targets), len(set(one.targets)), DEPTH) for order, one in pairs])


def _reason(served: MeasuredOrder | None, best: str, users: int, missing: str) -> str:
    few = f"; {users} users tell little" if users < FEW_USERS else ""
    if served:
        return f"NDCG@10 {served.difference:+.4f} against {best}, p {served.p:.4f}, on {users} held-out users{few}"
    why = missing or "no trees were significantly better"
    return f"{why}: first-stage order ({best}), measured on {users} held-out users{few}"
