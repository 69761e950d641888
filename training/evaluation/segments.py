"""Where the final row gains and where it does not: history length, popularity of the target, cold items, targets that
share a field with the history. Knows no plot.

A segment is a set of targets. Its lists are judged by those targets alone: a list's other targets are taken out of the
order, for they are neither hits nor misses of the segment.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.fields import Items, SharedField
from training.evaluation.lists import EvaluatedList
from training.metrics.ranking import DECIDING, measure
from training.metrics.significance import PairedDifference, Values, paired_differences

_DEPTH = int(DECIDING.partition("@")[2])


@dataclass(frozen=True, slots=True)
class Segment:
    """``targets``: by number of the list, those that belong to the segment; lists without any are not in it."""

    group: str
    name: str
    targets: Mapping[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """NDCG@10 of base and final over the ``lists`` that have one of the ``targets``; all segments are corrected
    together."""

    group: str
    name: str
    lists: int
    targets: int
    base: float
    final: float
    paired: PairedDifference


def find_segments(
    lists: Sequence[EvaluatedList], shared: Sequence[SharedField], items: Items, popularity: Mapping[str, int]
) -> list[Segment]:
    """All segments that hold a target. A group that does not part the targets is left out: it is all of them."""
    lengths = {(number, item_id): len(one.history) for number, one in enumerate(lists) for item_id in one.targets}
    counts = {(number, item_id): popularity.get(item_id, 0) for number, item_id in lengths}
    groups = {
        "history length, in items (quartiles)": _by_quantile(lengths, 4),
        "popularity of the target, in interactions (deciles)": _by_quantile(counts, 10),
        "cold items": {place: "warm" if count else "cold" for place, count in counts.items()},
        **{f"same {field.name} as the history": _by_sharing(lists, field, items) for field in shared},
    }
    return [
        segment
        for group, labels in groups.items()
        for segment in _segments(group, labels)
        if len(set(labels.values())) > 1
    ]


def measure_segments(
    segments: Sequence[Segment], lists: Sequence[EvaluatedList], base: str, final: str, seed: int
) -> list[SegmentResult]:
    """Base and final of every segment, with paired differences."""
    if not segments:
        return []
    columns = [(_column(one, lists, base), _column(one, lists, final)) for one in segments]
    bases, finals = (np.stack([pair[side] for pair in columns], axis=1) for side in (0, 1))
    members = np.array([[float(number in one.targets) for one in segments] for number in range(len(lists))])
    paired = paired_differences(finals, bases, seed, members)
    counts = members.sum(axis=0)
    return [
        SegmentResult(
            group=one.group,
            name=one.name,
            lists=len(one.targets),
            targets=sum(map(len, one.targets.values())),
            base=float(bases[:, place].sum() / counts[place]),
            final=float(finals[:, place].sum() / counts[place]),
            paired=paired[place],
        )
        for place, one in enumerate(segments)
    ]


_Place = tuple[int, str]
"""Number of a list and one of its targets."""


def _by_quantile(values: Mapping[_Place, int], parts: int) -> dict[_Place, str]:
    """Labels of parts of about equal size; equal values are never parted, so there may be fewer parts."""
    shares = np.arange(1, parts + 1) / parts
    edges = np.unique(np.quantile(list(values.values()), shares, method="inverted_cdf"))
    numbers = {place: int(np.searchsorted(edges, value)) for place, value in values.items()}
    ranges = {
        number: [value for place, value in values.items() if numbers[place] == number]
        for number in set(numbers.values())
    }
    labels = {number: _range(min(found), max(found)) for number, found in ranges.items()}
    return {place: labels[number] for place, number in sorted(numbers.items(), key=lambda one: one[1])}


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _by_sharing(lists: Sequence[EvaluatedList], field: SharedField, items: Items) -> dict[_Place, str]:
    labels = {}
    for number, one in enumerate(lists):
        had = frozenset(value for item_id in one.history for value in field.values(items.get(item_id, {})))
        for item_id in one.targets:
            shares = had & field.values(items.get(item_id, {}))
            labels[number, item_id] = "same" if shares else "another"
    return labels


def _segments(group: str, labels: Mapping[_Place, str]) -> Iterator[Segment]:
    for name in dict.fromkeys(labels.values()):
        targets: dict[int, set[str]] = {}
        for (number, item_id), label in labels.items():
            if label == name:
                targets.setdefault(number, set()).add(item_id)
        yield Segment(group, name, {number: frozenset(found) for number, found in targets.items()})


def _column(segment: Segment, lists: Sequence[EvaluatedList], row: str) -> Values:
    """The deciding metric per list; 0 for lists outside."""
    values = np.zeros(len(lists))
    for number, wanted in segment.targets.items():
        one = lists[number]
        others = set(one.targets) - wanted
        top = [item_id for item_id in one.orders[row][: _DEPTH + len(others)] if item_id not in others]
        values[number] = measure(top, tuple(wanted), (DECIDING,))[DECIDING]
    return values
