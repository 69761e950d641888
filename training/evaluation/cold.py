"""What trees that learned where cold items belong are worth against trees that did not: cold items gain, warm ones must
not lose. Cold is what nobody has liked yet. Knows nobody who makes lists."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from training.evaluation.lists import EvaluatedList, ListsInvalid
from training.evaluation.plan import RERANKED, WITHOUT_COLD
from training.metrics.ranking import DECIDING, measure
from training.metrics.significance import SIGNIFICANCE, PairedDifference, Values, paired_differences

MIN_COLD_RATIO = 1.15
MAX_WARM_LOSS = 0.002
COLD, AMONG_COLD, WARM = "cold items", "among cold items", "warm items"
FIRST_TEN = "recall@10"


@dataclass(frozen=True, slots=True)
class ColdCase:
    """``whole``: a list with places for cold items; ``cold``: those of its targets that are; ``proposed``: what any
    source proposed, in the list or not; ``without``: the order of a list without such places, by trees that were fitted
    on lists like it."""

    whole: EvaluatedList
    cold: frozenset[str]
    proposed: frozenset[str]
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColdRow:
    """One metric of the trees and of those that were fitted ``without`` cold items, over ``lists``: of cold items on
    the same lists, else each on the lists that it was fitted for. All rows are corrected together."""

    segment: str
    metric: str
    lists: int
    without: float
    trees: float
    paired: PairedDifference

    @property
    def ratio(self) -> float | None:
        """Of both; None against 0."""
        return self.trees / self.without if self.without else None


@dataclass(frozen=True, slots=True)
class ColdResult:
    """``items``: how many were hidden. Of the cold targets ``proposed``: share that some source proposes; ``listed``:
    share in the lists; ``unkept``: share in the lists where no place is kept. ``short``: most items of a short history,
    the median."""

    items: int
    short: float
    proposed: float
    listed: float
    unkept: float
    rows: Sequence[ColdRow]

    def row(self, segment: str, metric: str = DECIDING) -> ColdRow:
        """Raises KeyError."""
        return {(one.segment, one.metric): one for one in self.rows}[segment, metric]

    @property
    def good(self) -> bool:
        """Cold targets gain what was promised, not by chance, and warm targets lose no more than may be."""
        cold, warm = self.row(COLD), self.row(WARM)
        gains = cold.trees >= MIN_COLD_RATIO * cold.without and cold.paired.difference > 0
        return gains and cold.paired.p < SIGNIFICANCE and warm.paired.difference >= -MAX_WARM_LOSS

    @property
    def sentence(self) -> str:
        """What the rows say of the promise."""
        cold, warm = self.row(COLD), self.row(WARM)
        ratio = "" if cold.ratio is None else f", {cold.ratio:.2f} times"
        return (
            f"the promise for cold items is {'' if self.good else 'NOT '}kept: NDCG@10 {cold.trees:.4f} against "
            f"{cold.without:.4f} without the step{ratio}, p {cold.paired.p:.4f} (promised: {MIN_COLD_RATIO} times, p < "
            f"{SIGNIFICANCE}); warm items {warm.paired.difference:+.4f} (promised: at least -{MAX_WARM_LOSS})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        rows = [{**asdict(one), "ratio": one.ratio} for one in self.rows]
        shares = {"proposed": self.proposed, "listed": self.listed, "unkept": self.unkept}
        return {"items": self.items, "short": self.short, **shares, "good": self.good, "rows": rows}


@dataclass(frozen=True, slots=True)
class _Part:
    """Of the cases that belong, the value of a row."""

    segment: str
    metric: str
    value: Callable[[ColdCase, str], float]
    belongs: Callable[[ColdCase], bool] = lambda case: True


def judge_cold(cases: Sequence[ColdCase], items: Collection[str], seed: int = 1) -> ColdResult:
    """Rows RERANKED and WITHOUT_COLD of every case; ``items``: all that are cold. Raises ListsInvalid where no list has
    a cold target."""
    having = [one for one in cases if one.cold]
    if not having:
        raise ListsInvalid(
            f"nobody liked one of the {len(items)} hidden items after what a test list knows",
            "bring more interactions, or draw other items with --seed",
        )
    short = median(len(one.whole.history) for one in cases)
    parts = [part for part in _parts(short, items) if any(map(part.belongs, cases))]
    members = np.array([[float(part.belongs(case)) for part in parts] for case in cases])
    counts = members.sum(axis=0)
    trees, without = (_columns(cases, parts, name) for name in (RERANKED, WITHOUT_COLD))
    paired = paired_differences(trees, without, seed, members)
    means = zip(without.sum(axis=0) / counts, trees.sum(axis=0) / counts, counts, strict=True)
    rows = [
        ColdRow(part.segment, part.metric, int(count), float(before), float(after), difference)
        for part, (before, after, count), difference in zip(parts, means, paired, strict=True)
    ]
    return ColdResult(
        len(items),
        short,
        proposed=_share(having, [one.proposed for one in having]),
        listed=_share(having, [one.whole.orders[RERANKED] for one in having]),
        unkept=_share(having, [one.without for one in having]),
        rows=rows,
    )


def _parts(short: float, items: Collection[str]) -> list[_Part]:
    return [
        _Part(COLD, DECIDING, _cold(DECIDING), lambda case: bool(case.cold)),
        _Part(COLD, FIRST_TEN, _cold(FIRST_TEN), lambda case: bool(case.cold)),
        _Part(AMONG_COLD, DECIDING, _among(items), lambda case: bool(case.cold)),
        _Part(WARM, DECIDING, _warm),
        _Part("all items", DECIDING, _all),
        _Part("short histories", DECIDING, _all, lambda case: len(case.whole.history) <= short),
        _Part("long histories", DECIDING, _all, lambda case: len(case.whole.history) > short),
    ]


def _columns(cases: Sequence[ColdCase], parts: Sequence[_Part], name: str) -> Values:
    """[cases, parts]; 0 where a case does not belong."""
    return np.array([[part.value(case, name) if part.belongs(case) else 0.0 for part in parts] for case in cases])


def _cold(metric: str) -> Callable[[ColdCase, str], float]:
    return lambda case, name: measure(case.whole.orders[name], tuple(case.cold), [metric])[metric]


def _among(items: Collection[str]) -> Callable[[ColdCase, str], float]:
    """Of the order of cold items alone: whether the right ones come first, wherever warm ones stand."""

    def value(case: ColdCase, name: str) -> float:
        order = [item_id for item_id in case.whole.orders[name] if item_id in items]
        return measure(order, tuple(case.cold), [DECIDING])[DECIDING]

    return value


def _warm(case: ColdCase, name: str) -> float:
    targets = tuple(set(case.whole.targets) - case.cold)
    return measure(_served(case, name), targets, [DECIDING])[DECIDING]


def _all(case: ColdCase, name: str) -> float:
    return measure(_served(case, name), case.whole.targets, [DECIDING])[DECIDING]


def _served(case: ColdCase, name: str) -> tuple[str, ...]:
    """What a user gets: without the step there are no places for cold items either."""
    return case.without if name == WITHOUT_COLD else case.whole.orders[name]


def _share(cases: Sequence[ColdCase], orders: Sequence[Collection[str]]) -> float:
    """Of the cold targets in the orders, mean over lists."""
    found = [len(case.cold.intersection(order)) / len(case.cold) for case, order in zip(cases, orders, strict=True)]
    return float(np.mean(found))
