"""Lists to the table that a fusion is fitted on: the gateway's own features of every candidate, and which were targets.
Knows no way of fitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.ranker.features import LOGIT_FAMILY, FusionInput, feature_family, feature_matrix
from training.errors import RunIncomplete

Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class ScoredList:
    """One list as served, with a logit for each candidate where features read it, and what the user liked next."""

    user_id: str
    given: FusionInput
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class FusionTable:
    """``matrix`` [rows, names]: the candidates of one list after the other, each in first-stage order. ``is_target``
    [rows]. By list: ``sizes`` (rows), ``targets`` (how many there are, in the list or not), ``users``, and ``weights``
    (how much each counts in a fit of trees; None: all alike)."""

    names: tuple[str, ...]
    matrix: Rows
    is_target: npt.NDArray[np.bool_]
    sizes: Counts
    targets: Counts
    users: tuple[str, ...]
    weights: Values | None = None

    @property
    def starts(self) -> Counts:
        """[lists]: the first row of each."""
        return np.cumsum(self.sizes) - self.sizes

    @property
    def hits(self) -> Counts:
        """[lists]: targets among the candidates."""
        found: Counts = np.add.reduceat(self.is_target.astype(np.int64), self.starts)
        return found

    def with_features(self, names: Sequence[str]) -> "FusionTable":
        """The same lists with these of its features. Raises ValueError for names that are not among them."""
        if missing := [name for name in names if name not in self.names]:
            raise ValueError(f"the table has no feature {', '.join(missing)}; it has {', '.join(self.names)}")
        if self.names == tuple(names):
            return self
        return replace(self, names=tuple(names), matrix=self.matrix[:, [self.names.index(name) for name in names]])

    def without_logit(self) -> "FusionTable":
        """The same lists without any feature of the logit."""
        return self.with_features([name for name in self.names if feature_family(name) != LOGIT_FAMILY])

    def of_lists(self, chosen: npt.NDArray[np.bool_]) -> "FusionTable":
        """Only the lists [lists] that are chosen."""
        rows = np.repeat(chosen, self.sizes)
        return FusionTable(
            self.names,
            self.matrix[rows],
            self.is_target[rows],
            self.sizes[chosen],
            self.targets[chosen],
            tuple(user for user, is_chosen in zip(self.users, chosen, strict=True) if is_chosen),
            None if self.weights is None else self.weights[chosen],
        )


def tabulate(
    lists: Sequence[ScoredList], names: Sequence[str], numbers: type[np.floating[Any]] = np.float64
) -> FusionTable:
    """The table of all lists that have candidates. ``numbers``: float32 takes half the memory, and is enough for trees,
    which only compare. Raises RunIncomplete when no list holds a target, and what feature_matrix raises."""
    ordered = [
        replace(one, given=replace(one.given, candidates=sorted(one.given.candidates, key=lambda each: each.rank)))
        for one in lists
        if one.given.candidates
    ]
    is_target = [candidate.item_id in one.targets for one in ordered for candidate in one.given.candidates]
    if not any(is_target):
        raise RunIncomplete("no candidate list holds a target", "fetch more candidates, or check the split")
    sizes = np.array([len(one.given.candidates) for one in ordered], dtype=np.int64)
    matrix = np.empty((len(is_target), len(names)), numbers)
    for one, end, size in zip(ordered, np.cumsum(sizes), sizes, strict=True):
        matrix[end - size : end] = feature_matrix(names, one.given)
    return FusionTable(
        names=tuple(names),
        matrix=matrix,
        is_target=np.array(is_target),
        sizes=sizes,
        targets=np.array([len(one.targets) for one in ordered], dtype=np.int64),
        users=tuple(one.user_id for one in ordered),
    )


def concatenated(tables: Sequence[FusionTable]) -> FusionTable:
    """The lists of one table after those of another, of the same features and users."""
    return FusionTable(
        names=tables[0].names,
        matrix=np.concatenate([one.matrix for one in tables]),
        is_target=np.concatenate([one.is_target for one in tables]),
        sizes=np.concatenate([one.sizes for one in tables]),
        targets=np.concatenate([one.targets for one in tables]),
        users=tuple(user for one in tables for user in one.users),
    )


def joined(tables: Mapping[str, FusionTable]) -> FusionTable:
    """The lists of several tables of the same features, by a name for each that tells their users apart. Each table
    counts alike, however many lists of it hold a target."""
    parts = list(tables.values())
    useful = [max(int((part.hits > 0).sum()), 1) for part in parts]
    mean = sum(useful) / len(parts)
    weights = [np.full(len(part.sizes), mean / count) for part, count in zip(parts, useful, strict=True)]
    users = tuple(f"{name}/{user}" for name, part in tables.items() for user in part.users)
    return replace(concatenated(parts), users=users, weights=np.concatenate(weights))
