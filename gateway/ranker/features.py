"""The features of the fused score, one row per candidate of a list. Training and serving compute them here and nowhere
else. Knows no weights, no trees and no store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.fields import Column, FieldFeatures
from gateway.ranker.signals import RELATIONS, ItemSignals, relate

RANK_OFFSET = 60
"""Of reciprocal rank (Cormack, Clarke, Büttcher, SIGIR 2009)."""

HISTORY_EVENTS = 50
"""Stored events that serving reads for a user, and the most recent of any history that features read. Sources and
template take their own, shorter prefix."""

RELATION_DECAY = 0.9
RECENT_DECAY = 0.6
"""What each older item of a history says less, in sums of relations."""

TINY = 1e-9
"""A list's largest below it is rounding: shares of it mean nothing."""

Matrix = npt.NDArray[np.float64]


class FeatureUnknown(ValueError):
    """A feature name that cannot be computed; the message names it and what there is."""


@dataclass(frozen=True, slots=True)
class FusionInput:
    """All that the features of one list may read.

    ``logits`` by item id, finite, needed only where a feature reads them. ``items``: text fields by item id.
    ``history``: most recent first. ``popularity``: users who liked the item, by item id. ``signals``: of candidates and
    history, by item id. What is missing is neutral; relations of what nobody knows are NaN.
    """

    candidates: Sequence[Candidate]
    logits: Mapping[str, float]
    items: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    history: Sequence[HistoryEvent] = ()
    popularity: Mapping[str, float] = field(default_factory=dict)
    signals: Mapping[str, ItemSignals] = field(default_factory=dict)


class _List:
    """One list; what several features share is computed once."""

    def __init__(self, given: FusionInput) -> None:
        self.given = given
        self.size = len(given.candidates)
        self.history = given.history[:HISTORY_EVENTS]
        items = [given.items.get(candidate.item_id, {}) for candidate in given.candidates]
        self.fields = FieldFeatures(items, [event.fields or {} for event in self.history])
        self._hits: dict[str, tuple[Column, Column]] = {}
        self._sums: dict[float, Column] = {}

    @cached_property
    def _related(self) -> Column:
        """[RELATIONS, candidates, history]; NaN where nobody knows."""
        candidates = [candidate.item_id for candidate in self.given.candidates]
        return relate(candidates, [event.item_id for event in self.history], self.given.signals)

    @cached_property
    def _known(self) -> tuple[Column, npt.NDArray[np.bool_]]:
        """The same with 0 where nobody knows, and [RELATIONS, candidates] of which nothing is known."""
        missing = np.isnan(self._related)
        known = self._related.copy()
        known[missing] = 0.0
        return known, missing.all(axis=2)

    @cached_property
    def _largest(self) -> Column:
        """[RELATIONS, candidates]: the largest over the history; NaN where nothing is known."""
        known, missing = self._related.copy(), self._known[1]
        known[np.isnan(known)] = -np.inf
        return np.where(missing, np.nan, known.max(axis=2, initial=-np.inf))

    @cached_property
    def popularity(self) -> Column:
        """[candidates]: logarithms of how many liked each."""
        known = self.given.popularity
        return np.log1p(_column(known.get(candidate.item_id, 0.0) for candidate in self.given.candidates))

    def relation(self, name: str) -> Column:
        """[candidates, history]; NaN where nobody knows."""
        one: Column = self._related[RELATIONS.index(name)]
        return one

    def relation_max(self, name: str) -> Column:
        """[candidates]: the largest over the history; NaN where nothing is known."""
        one: Column = self._largest[RELATIONS.index(name)]
        return one

    def relation_sum(self, name: str, decay: float) -> Column:
        """[candidates]: the decayed sum over the history; NaN where nothing is known."""
        if decay not in self._sums:
            known, missing = self._known
            self._sums[decay] = np.where(missing, np.nan, known @ _decays(decay)[: known.shape[2]])
        one: Column = self._sums[decay][RELATIONS.index(name)]
        return one

    def logits(self) -> Column:
        """[candidates]"""
        return _column(self.given.logits[candidate.item_id] for candidate in self.given.candidates)

    def hits(self, source: str) -> tuple[Column, Column]:
        """Rank (infinite where the source did not propose the item) and score (then 0)."""
        if source not in self._hits:
            ranks, scores = np.full(self.size, np.inf), np.zeros(self.size)
            for row, candidate in enumerate(self.given.candidates):
                for hit in candidate.hits:
                    if hit.source == source:
                        ranks[row], scores[row] = hit.rank, hit.score
            self._hits[source] = ranks, scores
        return self._hits[source]


@dataclass(frozen=True, slots=True)
class _Kind:
    """``family``: what an ablation leaves out together. ``arguments``: how many the name takes."""

    family: str
    arguments: int
    compute: Callable[..., Column]


def _column(values: Iterable[float]) -> Column:
    return np.fromiter(values, dtype=np.float64)


def _reciprocal(ranks: Column) -> Column:
    return RANK_OFFSET / (RANK_OFFSET + ranks)


def _best_rank(one: _List) -> Column:
    best = (min((hit.rank for hit in candidate.hits), default=np.inf) for candidate in one.given.candidates)
    return _reciprocal(_column(best))


def _popularity_gap(one: _List) -> Column:
    """To the most popular of the list, in logarithms: the same in a large catalogue and in a small one."""
    gap: Column = one.popularity - one.popularity.max(initial=-np.inf)
    return gap


def _logit_rank(one: _List) -> Column:
    """1 / rank in the list by the logit; equal logits share the better rank."""
    logits = one.logits()
    return 1.0 / (1.0 + len(logits) - np.searchsorted(np.sort(logits), logits, side="right"))


def _logit_gap(one: _List) -> Column:
    logits = one.logits()
    gap: Column = logits - logits.max(initial=-np.inf)
    return gap


def _logit_z(one: _List) -> Column:
    logits = one.logits()
    spread = float(logits.std()) if one.size else 0.0
    return (logits - logits.mean()) / spread if spread > 1e-12 else np.zeros(one.size)


@cache
def _decays(decay: float) -> Column:
    decays: Column = decay ** np.arange(HISTORY_EVENTS, dtype=np.float64)
    return decays


def _relation_at(one: _List, name: str, place: str) -> Column:
    known, column = one.relation(name), int(place)
    return known[:, column] if column < known.shape[1] else np.full(one.size, np.nan)


def _order(values: Column) -> Column:
    """RANK_OFFSET / (RANK_OFFSET + rank in the list), equal values sharing the better rank; NaN stays."""
    known = np.sort(values)  # NaN behind all others
    known = known[: np.searchsorted(known, np.nan)]
    ranks = 1.0 + len(known) - np.searchsorted(known, values, side="right")
    return np.where(np.isnan(values), np.nan, _reciprocal(ranks))


def _share(values: Column) -> Column:
    """Of the list's largest, -1 or more; 0 where that is not above 0."""
    largest = np.fmax.reduce(values, initial=0.0)
    return np.maximum(values / largest, -1.0) if largest > TINY else values * 0.0


def _cold(one: _List) -> Column:
    known = one.given.signals
    return _column(
        float(not ((found := known.get(candidate.item_id)) and found.smooth is not None))
        for candidate in one.given.candidates
    )


def _of_fields(method: str) -> Callable[..., Column]:
    return lambda one, *fields: getattr(one.fields, method)(*fields)


LOGIT_FAMILY = "logit"
_OF_FIELDS = {
    "values": "recency share count last jaccard_last jaccard_mean rarity rarity_max rarity_last",
    "numbers": "value gap gap_last",
    "series": "sequel series_step",
}
"""By family: methods of FieldFeatures, which read the fields that the features are called by."""

_KINDS: Mapping[str, _Kind] = {
    "logit": _Kind(LOGIT_FAMILY, 0, lambda one: one.logits()),
    "logit_rank": _Kind(LOGIT_FAMILY, 0, _logit_rank),
    "logit_gap": _Kind(LOGIT_FAMILY, 0, _logit_gap),
    "logit_z": _Kind(LOGIT_FAMILY, 0, _logit_z),
    "first_stage": _Kind("first_stage", 0, lambda one: _column(each.score for each in one.given.candidates)),
    "sources": _Kind("first_stage", 0, lambda one: _column(len(each.hits) for each in one.given.candidates)),
    "best_rank": _Kind("first_stage", 0, _best_rank),
    "reciprocal_rank": _Kind("first_stage", 1, lambda one, source: _reciprocal(one.hits(source)[0])),
    "score": _Kind("first_stage", 1, lambda one, source: one.hits(source)[1]),
    "log_score": _Kind("first_stage", 1, lambda one, source: np.log1p(np.maximum(one.hits(source)[1], 0.0))),
    "popularity": _Kind("popularity", 0, lambda one: one.popularity),
    "popularity_order": _Kind("popularity", 0, lambda one: _order(one.popularity)),
    "popularity_gap": _Kind("popularity", 0, _popularity_gap),
    "relation_sum": _Kind("relations", 1, lambda one, name: one.relation_sum(name, RELATION_DECAY)),
    "relation_recent": _Kind("relations", 1, lambda one, name: one.relation_sum(name, RECENT_DECAY)),
    "relation_max": _Kind("relations", 1, lambda one, name: one.relation_max(name)),
    "relation_at": _Kind("relations", 2, _relation_at),
    "relation_order": _Kind("relations", 1, lambda one, name: _order(one.relation_sum(name, RELATION_DECAY))),
    "relation_share": _Kind("relations", 1, lambda one, name: _share(one.relation_sum(name, RELATION_DECAY))),
    "relation_recent_order": _Kind("relations", 1, lambda one, name: _order(one.relation_sum(name, RECENT_DECAY))),
    "relation_recent_share": _Kind("relations", 1, lambda one, name: _share(one.relation_sum(name, RECENT_DECAY))),
    "relation_max_share": _Kind("relations", 1, lambda one, name: _share(one.relation_max(name))),
    "relation_at_share": _Kind("relations", 2, lambda one, name, place: _share(_relation_at(one, name, place))),
    "cold": _Kind("cold", 0, _cold),
    "history_length": _Kind("history_length", 0, lambda one: np.full(one.size, float(len(one.history)))),
    **{
        method: _Kind(family, 2 if family == "series" else 1, _of_fields(method))
        for family, methods in _OF_FIELDS.items()
        for method in methods.split()
    },
}


def feature_matrix(names: Sequence[str], given: FusionInput) -> Matrix:
    """[candidates, names], in the order of both; finite. Raises FeatureUnknown, and KeyError where a feature reads the
    logit of a candidate that has none."""
    one = _List(given)
    matrix = np.zeros((one.size, len(names)))
    for place, name in enumerate(names):
        kind, arguments = _parsed(name)
        matrix[:, place] = kind.compute(one, *arguments)
    return matrix


def check_features(names: Sequence[str]) -> None:
    """Raises FeatureUnknown for the first name that cannot be computed, or stands twice."""
    for place, name in enumerate(names):
        _parsed(name)
        if name in names[:place]:
            raise FeatureUnknown(f"the feature {name!r} stands twice; name each once")


def fields_read(names: Iterable[str]) -> frozenset[str]:
    """Text fields of items that these features read. Raises FeatureUnknown."""
    parsed = [_parsed(name) for name in names]
    return frozenset(field for kind, arguments in parsed if kind.family in _OF_FIELDS for field in arguments)


def feature_family(name: str) -> str:
    """What the feature is left out with in an ablation. Raises FeatureUnknown."""
    return _parsed(name)[0].family


@cache
def _parsed(name: str) -> tuple[_Kind, Sequence[str]]:
    label, colon, argument = name.partition(":")
    kind = _KINDS.get(label)
    if kind is None:
        raise FeatureUnknown(f"no feature {name!r}; there are {', '.join(_KINDS)}")
    arguments = argument.split("/") if kind.arguments == 2 else [argument]
    if not kind.arguments and not colon:
        return kind, ()
    if len(arguments) != kind.arguments or not all(arguments):
        forms = (label, f"{label}:NAME", f"{label}:SERIES/NUMBER")
        raise FeatureUnknown(f"the feature {name!r} is written {forms[kind.arguments]}")
    return kind, arguments
