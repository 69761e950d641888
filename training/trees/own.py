"""A ranker of a team's own data: trees fitted on lists of its users, judged on what other lists of theirs led to, in
minutes on a CPU. Knows no store and no console."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gateway.catalog.relations import ItemRelations, relate_items
from gateway.domain.progress import Progress
from gateway.ranker.fitted import FittedRanker, Verdict
from gateway.ranker.fused_score import Fusion
from gateway.ranker.signals import ItemSignals
from training.data.tables import Tables
from training.errors import RunIncomplete, TooFewUsers
from training.first_stage.fold_first_stage import FoldFirstStage
from training.first_stage.served_sources import SERVED_WEIGHTS, served_sources
from training.first_stage.training_interactions import Scores, known_in
from training.lists.candidate_list import CandidateList
from training.options.config import FusionOptions
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, Phase
from training.ranker.feature_names import own_features
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.lists import unscored_lists
from training.ranker.table import FusionTable, ScoredList, concatenated, tabulate
from training.ranker.verdict import Orders, judge
from training.trees.cold_dropout import COLD_SHARE, as_cold, cold_items, propose_cold, silenced

DENSE_USERS = 200
"""With so many users of 20 positives and more, and a fifth of those with 4 and more, five positives of each are held
out; else one, of users of 4 and more."""

DENSE_SHARE = 0.2
"""Fewer would be told from a small part of the users, the busiest."""

TREES = FusionOptions(kind="lambdamart", bag=4, learning_rate=0.08, ridge=1.0, patience=30)

MOST_SCORES, FEWEST_LISTS = 30_000_000, 200
"""Every list scores the whole catalogue: of large ones fewer lists are made, down to so many."""

SPARSE = Protocol(min_positives=4, held_out=1, min_history=1)


@dataclass(frozen=True, slots=True)
class OwnOptions:
    """``depth``: candidates of a list. ``folds``: how many of them before the last are fitted on. ``lists``: most lists
    of a fold, drawn by ``seed``; fewer of a large catalogue. ``cold``: share of the items that lists to fit on treat as
    liked by nobody."""

    depth: int = 100
    folds: int = 4
    lists: int = 1_500
    seed: int = 1
    cold: float = COLD_SHARE
    trees: FusionOptions = TREES


@dataclass(frozen=True, slots=True)
class FoldData:
    """Lists of one fold, and their features' input."""

    lists: Sequence[CandidateList]
    scored: Sequence[ScoredList]


def own_protocol(tables: Tables) -> Protocol:
    """How much of each user is held out: by how much there is."""
    dense = Protocol()
    busy, all_ = (len(Dataset(tables, protocol).evaluated_users) for protocol in (dense, SPARSE))
    return dense if busy >= max(DENSE_USERS, DENSE_SHARE * all_) else SPARSE


@dataclass(frozen=True)
class OwnRanker:
    """Fits and judges. ``vectors`` [items, width]: unit vectors of the items' texts, in the order of the tables.
    ``default``: trees that ship for any catalogue."""

    tables: Tables
    vectors: Scores
    progress: Progress
    default: Fusion | None = None
    options: OwnOptions = OwnOptions()

    @cached_property
    def dataset(self) -> Dataset:
        """The tables with the protocol applied."""
        return Dataset(self.tables, own_protocol(self.tables))

    def fit(self) -> FittedRanker:
        """What is significantly better than the best first stage on held-out lists; else first-stage order, and why."""
        try:
            self.dataset.require_users()
        except TooFewUsers as fault:
            return FittedRanker(Verdict("first_stage", f"nothing could be measured: {fault.message}"))
        with self.progress("fitting the ranker", self.options.folds + 4) as advance:
            learned = []
            for fold in self.learned_folds:
                learned.append(self.learned_fold(fold))
                advance(1)
            tables, reason = self._tables(learned)
            own, reason = self._trees(tables) if tables else (None, reason)
            advance(1)
            test = self.fold(Phase.TEST)
            advance(1)
            trees = {"own": own, "default": self.default}
            orders = Orders(learned[0].lists, test.lists, test.scored)
            verdict = judge(orders, {name: fusion for name, fusion in trees.items() if fusion}, reason)
            advance(1)
            if verdict.serves == "own":  # the same recipe on all lists: what was judged had not seen the newest
                trees["own"], _ = self._trees([*tables, *self._tables([test])[0]])
            advance(1)
        return FittedRanker(verdict, trees.get(verdict.serves))

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
        """Lists of ``fold``, from tables of what may be known then; of the items ``cold`` that is their text alone."""
        known, cases = known_in(self.dataset, fold), self.dataset.cases(fold)
        most = min(self.options.lists, max(FEWEST_LISTS, MOST_SCORES // max(known.items, 1)))
        if len(cases) > most:
            cases = random.Random(self.options.seed).sample(cases, most)
        relations = relate_items(known.histories, known.items)
        sources = served_sources(relations, self.vectors)
        depth, places = self.options.depth, np.flatnonzero([item_id in cold for item_id in self.item_ids])
        options = SourceOptions(fused=tuple(one.name for one in sources), fused_depth=depth, depth=depth)
        first_stage = FoldFirstStage(self.dataset, silenced(sources, places), options, SERVED_WEIGHTS)
        lists = propose_cold(first_stage.lists(cases), cases, sources, self.item_ids, cold)
        scored = unscored_lists(lists, self.dataset, fold, self._signals(relations))
        return FoldData(lists, [as_cold(one, cold) for one in scored])

    def _signals(self, relations: ItemRelations) -> dict[str, ItemSignals]:
        return relations.signals(self.item_ids, dict(zip(self.item_ids, self.vectors, strict=True)))

    def own_trees(self, folds: Sequence[FoldData]) -> tuple[Fusion | None, str]:
        """Trees fitted on the lists; None, and why, where these do not suffice."""
        tables, reason = self._tables(folds)
        return self._trees(tables) if tables else (None, reason)

    def _tables(self, folds: Sequence[FoldData]) -> tuple[list[FusionTable], str]:
        """Of those that hold a target; none, and why, where no fold does."""
        names = own_features([item.fields for item in self.dataset.items])
        tables, reason = [], "there is no list to fit on"
        for fold in folds:
            try:
                tables.append(tabulate(fold.scored, names))
            except RunIncomplete as fault:
                reason = fault.message
        return tables, reason

    def _trees(self, tables: Sequence[FusionTable]) -> tuple[Fusion | None, str]:
        try:
            return fit_lambdamart(concatenated(tables), self.options.trees, self.options.seed), ""
        except RunIncomplete as fault:
            return None, fault.message
