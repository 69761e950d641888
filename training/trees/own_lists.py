"""Lists of a team's own users, fold by fold, made from tables in memory as the gateway makes them. Knows no trees."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gateway.candidates import served
from gateway.catalog.relations import ItemRelations, relate_items
from gateway.ranker.signals import ItemSignals
from training.first_stage.fold_first_stage import FoldFirstStage
from training.first_stage.served_sources import served_sources
from training.first_stage.training_interactions import Scores, known_in
from training.lists.candidate_list import CandidateList
from training.options.config import FusionOptions
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, UserCase
from training.ranker.lists import unscored_lists
from training.ranker.table import ScoredList
from training.trees.cold_dropout import COLD_EVERY, COLD_SHARE, as_cold, cold_items, forgotten

TREES = FusionOptions(kind="lambdamart", bag=4, learning_rate=0.1, ridge=1.0, negative_share=0.4, patience=20)

MOST_SCORES, FEWEST_LISTS = 30_000_000, 200
"""Every list scores the whole catalogue: of large ones fewer lists are made, down to so many."""


@dataclass(frozen=True, slots=True)
class OwnOptions:
    """``depth``: candidates of a list. ``folds``: how many of them before the last are fitted on. ``lists``: most lists
    of a fold, drawn by ``seed``; fewer of a large catalogue. ``cold``: share of the items that lists to fit on treat as
    liked by nobody. ``cold_places``: share of a list's places that is kept for such items, as served."""

    depth: int = 100
    folds: int = 4
    lists: int = 3_000
    seed: int = 1
    cold: float = COLD_SHARE
    cold_places: float = served.COLD_SHARE
    trees: FusionOptions = TREES


OWN = OwnOptions()


@dataclass(frozen=True, slots=True)
class FoldData:
    """Lists of one fold, and their features' input. ``warm``: the same users' lists, no item of them cold."""

    lists: Sequence[CandidateList]
    scored: Sequence[ScoredList]
    warm: Sequence[CandidateList]


@dataclass(frozen=True)
class OwnLists:
    """Makes the lists of a fold. ``vectors`` [items, width]: unit vectors of the items' texts, in the order of the
    tables."""

    dataset: Dataset
    vectors: Scores
    options: OwnOptions = OWN

    @cached_property
    def item_ids(self) -> Sequence[str]:
        """In the order of the tables."""
        return [item.item_id for item in self.dataset.items]

    @property
    def learned_folds(self) -> Sequence[int]:
        """Those that trees are fitted on, the last one first."""
        return [fold for fold in range(1, self.options.folds + 1) if self.dataset.cases(fold)]

    def learned_fold(self, fold: int) -> FoldData:
        """Lists of ``fold`` to fit on, some of their items cold."""
        return self.fold(fold, cold_items(self.item_ids, fold, self.options.cold))

    def fold(self, fold: int, cold: Collection[str] = ()) -> FoldData:
        """Lists of ``fold``, from tables of what may be known then; of the items ``cold`` that is their text alone, in
        one of COLD_EVERY lists."""
        known, cases = known_in(self.dataset, fold), self.cases(fold)
        relations = relate_items(known.histories, known.items)
        warm = self._proposed(relations, cases)
        lists, some = [*warm], slice(None, None, COLD_EVERY)
        if cold:
            places = np.flatnonzero([item_id in cold for item_id in self.item_ids])
            lists[some] = self._proposed(forgotten(relations, places), cases[some])
        scored = unscored_lists(lists, self.dataset, fold, self._signals(relations))
        scored[some] = [as_cold(one, cold) for one in scored[some]]
        return FoldData(lists, scored, warm)

    def _proposed(self, relations: ItemRelations, cases: Sequence[UserCase]) -> list[CandidateList]:
        sources, depth = served_sources(relations, self.vectors), self.options.depth
        options = SourceOptions(fused=tuple(one.name for one in sources), fused_depth=depth, depth=depth)
        blend = served.served_blend(self.options.cold_places)
        return FoldFirstStage(self.dataset, sources, options, blend).lists(cases)

    def cases(self, fold: int) -> list[UserCase]:
        """The users who get a list of ``fold``, no more than the options allow."""
        cases, items = self.dataset.cases(fold), max(len(self.dataset.items), 1)
        most = min(self.options.lists, max(FEWEST_LISTS, MOST_SCORES // items))
        return random.Random(self.options.seed).sample(cases, most) if len(cases) > most else cases

    def _signals(self, relations: ItemRelations) -> dict[str, ItemSignals]:
        return relations.signals(self.item_ids, dict(zip(self.item_ids, self.vectors, strict=True)))
