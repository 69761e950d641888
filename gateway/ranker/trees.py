"""Boosted trees as LightGBM writes them (text format v4), evaluated exactly as LightGBM does: same comparisons, sums in
the same order, double precision. Knows no feature by name.

Not with LightGBM itself: its package takes scipy, an OpenMP runtime and, where they are installed, scikit-learn and
pandas into the serving process.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from gateway.ranker.spec import SpecInvalid

Column = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Rows = npt.NDArray[np.floating[Any]]

DEFAULT_LEFT, KNOWS_MISSING = 2, 8
"""Bits of a decision type. Without the second a node takes NaN for 0, whatever its default side."""

NUMERICAL = {"0", "2", "8", "10"}
"""Decision types that compare a number with a threshold."""

ROWS_AT_ONCE = 4096
"""Memory grows with rows times trees: of a whole training table it would take many gigabytes."""

ZERO = float(np.float32(1e-35))
"""Numbers up to it are 0 to LightGBM."""

LARGEST = repr(sys.float_info.max)

_EXPECTED = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1"}


def file_name_of(feature: str) -> str:
    """A feature's name in the file: LightGBM allows neither colons nor blanks in names."""
    return quote(feature, safe="/")


@dataclass(frozen=True, slots=True)
class Nodes:
    """All trees' nodes in one row, so that one step of numpy walks all rows through all trees at once.

    ``features``, ``thresholds``, ``values`` and ``is_inner`` [nodes]: an inner node compares the feature of that column
    with its threshold and has the value 0; a leaf has a value and compares nothing. ``missing`` [nodes]: what NaN
    counts as there. ``children`` [2 * nodes]: at 2 i where node i sends what is at most the threshold, at 2 i + 1 what
    is greater; a leaf is its own child. ``roots`` [trees]. Places count over all trees.
    """

    features: Places
    thresholds: Column
    missing: Column
    children: Places
    values: Column
    is_inner: npt.NDArray[np.bool_]
    roots: Places


@dataclass(frozen=True, slots=True)
class Trees:
    """``features`` in the order of the matrix's columns. Equal texts are equal trees."""

    text: str
    features: tuple[str, ...] = field(compare=False)
    nodes: Nodes = field(compare=False)

    def sums(self, matrix: Rows) -> Column:
        """[rows]: the sum of all trees' values for each row of ``matrix`` [rows, features], a margin without a unit, to
        the last bit what LightGBM's ``predict(raw_score=True)`` gives. Columns as ``features``; NaN is missing, and
        numbers up to ZERO count as 0. With one tree "x at most 3: -1, else 2" the rows [[3], [4]] give [-1, 2]."""
        parts = [self._sums(matrix[start : start + ROWS_AT_ONCE]) for start in range(0, len(matrix), ROWS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _sums(self, matrix: Rows) -> Column:
        nodes, rows = self.nodes, len(matrix)
        numbers = np.where(np.abs(matrix) <= ZERO, 0.0, matrix).ravel()
        some_missing = bool(np.isnan(numbers).any())
        offsets = np.tile(np.arange(rows) * len(self.features), len(nodes.roots))
        at = np.repeat(nodes.roots, rows)
        active = np.flatnonzero(nodes.is_inner[at])
        while len(active):
            here = at[active]
            found = numbers[offsets[active] + nodes.features[here]]
            if some_missing:
                found = np.where(np.isnan(found), nodes.missing[here], found)
            goes_right = found > nodes.thresholds[here]
            here = nodes.children[2 * here + goes_right]
            at[active] = here
            active = active[nodes.is_inner[here]]
        values: Column = nodes.values[at].reshape(len(nodes.roots), rows)
        sums: Column = np.add.accumulate(values)[-1]  # tree after tree, as LightGBM adds them
        return sums


def read_trees(text: str) -> Trees:
    """The trees of a file's text. Raises SpecInvalid saying what is wrong with which tree."""
    header, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    if not header.startswith("tree\n") or not blocks or "\nend of trees" not in text:
        raise SpecInvalid("the trees of the fusion are no whole LightGBM model in text form; export again")
    values = _values(header)
    for key, expected in _EXPECTED.items():
        if values.get(key) != expected:
            raise SpecInvalid(f"trees: {key} is {values.get(key)!r}; this gateway reads {expected!r}: export again")
    features = tuple(unquote(name) for name in values.get("feature_names", "").split())
    parts, start = [], 0
    for number, block in enumerate(blocks):
        try:
            parts.append(_tree(_values(block), len(features), start))
        except (KeyError, ValueError) as fault:
            raise SpecInvalid(f"trees: tree {number} cannot be read: {fault}; export again") from fault
        start += len(parts[-1].values)
    return Trees(text, features, _joined(parts))


def _values(block: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(values: Mapping[str, str], width: int, start: int) -> Nodes:
    """One tree whose nodes count from ``start``: inner nodes first, then leaves."""
    leaves = int(values["num_leaves"])
    inner = leaves - 1
    if values["num_cat"] != "0" or values.get("is_linear", "0") != "0":
        raise ValueError("it has categories or linear leaves; fit numeric features only")
    decisions = _exactly(values["decision_type"], inner) if inner else []
    if not NUMERICAL.issuperset(decisions):
        raise ValueError("it takes 0 for missing; fit with zero_as_missing=false")
    features = _integers(values["split_feature"], inner)
    thresholds, outputs = _thresholds(values["threshold"], inner), _numbers(values["leaf_value"], leaves)
    left, right = _integers(values["left_child"], inner), _integers(values["right_child"], inner)
    if any(not 0 <= feature < width for feature in features):
        raise ValueError(f"it splits on a feature beyond the {width} that are named")
    _check_children(left, right, leaves)
    children = np.array([[_place(child, inner) for child in pair] for pair in zip(left, right, strict=True)], np.intp)
    themselves = np.arange(inner, inner + leaves).repeat(2)
    return Nodes(
        features=np.array([*features, *[0] * leaves], np.intp),
        thresholds=np.array([*thresholds, *[math.inf] * leaves]),
        missing=np.array([*map(_missing, decisions), *[0.0] * leaves]),
        children=start + np.concatenate([children.ravel(), themselves]),
        values=np.array([*[0.0] * inner, *outputs]),
        is_inner=np.arange(inner + leaves) < inner,
        roots=np.array([start], np.intp),
    )


def _missing(decision: str) -> float:
    """What NaN counts as at a node: below or above every threshold, or 0."""
    if not int(decision) & KNOWS_MISSING:
        return 0.0
    return -math.inf if int(decision) & DEFAULT_LEFT else math.inf


def _place(child: int, inner: int) -> int:
    """LightGBM counts leaves as -1, -2, …"""
    return child if child >= 0 else inner - child - 1


def _check_children(left: Sequence[int], right: Sequence[int], leaves: int) -> None:
    """Every node but the root has one parent, which stands before it: so every path ends."""
    if sorted([*left, *right]) != [*range(-leaves, 0), *range(1, leaves - 1)] and leaves > 1:
        raise ValueError("its nodes do not form a tree")
    if any(0 <= child <= parent for side in (left, right) for parent, child in enumerate(side)):
        raise ValueError("a node stands before its parent")


def _integers(text: str, count: int) -> list[int]:
    return [int(one) for one in _exactly(text, count)]


def _thresholds(text: str, count: int) -> list[float]:
    """LightGBM writes inf where a split only tells what is missing from all numbers; NaN may still count as more."""
    return _numbers(text.replace("inf", LARGEST), count)


def _numbers(text: str, count: int) -> list[float]:
    numbers = [float(one) for one in _exactly(text, count)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number is not finite")
    return numbers


def _exactly(text: str, count: int) -> list[str]:
    found = text.split()
    if len(found) != count:
        raise ValueError(f"{len(found)} values where {count} belong")
    return found


def _joined(parts: Sequence[Nodes]) -> Nodes:
    return Nodes(
        features=np.concatenate([one.features for one in parts]),
        thresholds=np.concatenate([one.thresholds for one in parts]),
        missing=np.concatenate([one.missing for one in parts]),
        children=np.concatenate([one.children for one in parts]),
        values=np.concatenate([one.values for one in parts]),
        is_inner=np.concatenate([one.is_inner for one in parts]),
        roots=np.concatenate([one.roots for one in parts]),
    )
