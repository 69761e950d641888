"""Negatives of a training list, from the first stage's own candidates. Knows no model.

sentence_transformers.util.mine_hard_negatives is not used here but in training/examples/near_duplicates.py: it searches
a corpus of texts by embedding alone, so it knows no rank of a fused first stage, no
impressions, and not what a user likes later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gateway.domain.values import Candidate
from training.examples.near_duplicates import NO_LOOKALIKES, SemanticNeighbors
from training.lists.candidate_list import CandidateList
from training.options.fit import NegativeOptions


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What training may know. ``liked``: all of a user's positives of the train part, whenever they happened;
    ``shown``: what a user was shown there, or met, and did not want, with the probability that the user looked at it;
    ``popularity``: positives of every item of the catalogue."""

    liked: Mapping[str, frozenset[str]]
    popularity: Mapping[str, int]
    shown: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    semantic_neighbors: SemanticNeighbors = NO_LOOKALIKES


class NegativeChooser:
    """Chooses by NegativeOptions. Never an item of the list's history or targets, one the user likes at any time known
    to training, or a near duplicate of the positive."""

    def __init__(self, options: NegativeOptions, knowledge: Knowledge) -> None:
        self._options = options
        self._knowledge = knowledge
        self._catalogue = np.array(list(knowledge.popularity), dtype=object)
        self._weights = (np.array(list(knowledge.popularity.values()), float) + 1) ** options.popular_power

    def choose(self, one: CandidateList, positive: str, random: np.random.Generator) -> list[str]:
        """Different items, ``count`` unless the catalogue has no more."""
        options, knowledge = self._options, self._knowledge
        chosen: dict[str, None] = {}
        refused = {positive, *one.history.oldest_first, *one.targets, *knowledge.liked.get(one.user_id, ())}
        refused |= knowledge.semantic_neighbors.duplicates.get(positive, frozenset())
        shown = knowledge.shown.get(one.user_id, {})
        self._add(chosen, refused, _drawn(list(shown), list(shown.values()), random), options.shown)
        allowed = self._below_margin(one.candidates, positive)
        for first, last, count in options.ranges:
            inside = [candidate.item_id for candidate in allowed if first <= candidate.rank <= last]
            self._add(chosen, refused, _shuffled(inside, random), count)
        similar = knowledge.semantic_neighbors.similar.get(positive, ())
        self._add(chosen, refused, _shuffled(similar, random), options.semantic_neighbors)
        self._fill(chosen, refused, random)
        return list(chosen)

    def _add(self, chosen: dict[str, None], refused: set[str], items: Sequence[str], count: int) -> None:
        """The first ``count`` of ``items`` that may be taken, as far as ``options.count`` allows."""
        open_items = [item_id for item_id in items if item_id not in refused and item_id not in chosen]
        count = min(count, self._options.count - len(chosen))
        chosen.update(dict.fromkeys(open_items[:count]))

    def _fill(self, chosen: dict[str, None], refused: set[str], random: np.random.Generator) -> None:
        missing = self._options.count - len(chosen)
        closed = refused | chosen.keys()
        if missing <= 0:
            return
        keys = _draw_keys(self._weights, random)
        best = np.argpartition(-keys, min(len(keys) - 1, missing + len(closed)))[: missing + len(closed)]
        for place in best[np.argsort(-keys[best], kind="stable")]:
            item_id = str(self._catalogue[place])
            if len(chosen) < self._options.count and item_id not in closed:
                chosen[item_id] = None

    def _below_margin(self, candidates: Sequence[Candidate], positive: str) -> Sequence[Candidate]:
        """Candidates whose first-stage score lies far enough below the positive's; all where it is no candidate."""
        score = next((candidate.score for candidate in candidates if candidate.item_id == positive), None)
        if self._options.margin is None or score is None:
            return candidates
        highest = score - abs(score) * self._options.margin
        return [candidate for candidate in candidates if candidate.score <= highest]


def _draw_keys(weights: npt.NDArray[np.float64], random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Gumbel's trick: the items with the highest keys are a draw without replacement by these weights (above 0)."""
    keys: npt.NDArray[np.float64] = np.log(weights) + random.gumbel(size=len(weights))
    return keys


def _drawn(items: Sequence[str], weights: Sequence[float], random: np.random.Generator) -> list[str]:
    """All of them; who has a higher weight tends to stand earlier."""
    return [items[place] for place in np.argsort(-_draw_keys(np.array(weights, float), random), kind="stable")]


def _shuffled(items: Sequence[str], random: np.random.Generator) -> list[str]:
    return [items[place] for place in random.permutation(len(items))]
