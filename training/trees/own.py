"""A ranker of a team's own data: trees fitted on lists of its users, judged on what other lists of theirs led to, in
minutes on a CPU. Knows no store and no console."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from gateway.domain.progress import Progress
from gateway.ranker.fitted import FittedRanker, Verdict
from gateway.ranker.fused_score import Fusion
from training.data.tables import Tables
from training.errors import RunIncomplete, TooFewUsers
from training.first_stage.training_interactions import Scores
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase
from training.ranker.cross_fit import ndcg_by_list
from training.ranker.feature_names import own_features
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.table import FusionTable, Values, concatenated, tabulate
from training.ranker.verdict import judge
from training.trees.own_lists import OWN, FoldData, OwnLists, OwnOptions
from training.trees.own_tables import FoldTable, fold_tables

DENSE_USERS = 200
"""With so many users of 20 positives and more, and a fifth of those with 4 and more, five positives of each are held
out; else one, of users of 4 and more."""

DENSE_SHARE = 0.2
"""Fewer would be told from a small part of the users, the busiest."""

SPARSE = Protocol(min_positives=4, held_out=1, min_history=1)


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
    options: OwnOptions = OWN

    @cached_property
    def lists(self) -> OwnLists:
        """Of the tables with the protocol applied."""
        return OwnLists(Dataset(self.tables, own_protocol(self.tables)), self.vectors, self.options)

    @cached_property
    def features(self) -> Sequence[str]:
        """What own trees read."""
        return own_features([item.fields for item in self.tables.items])

    def fit(self) -> FittedRanker:
        """What is significantly better than the best first stage on held-out lists; else first-stage order, and why."""
        try:
            self.lists.dataset.require_users()
        except TooFewUsers as fault:
            return FittedRanker(Verdict("first_stage", f"nothing could be measured: {fault.message}"))
        features = dict.fromkeys(self.lists.learned_folds, self.features)
        judged = dict.fromkeys([*self.features, *(self.default.spec.features if self.default else ())])
        features[int(Phase.TEST)] = list(judged)
        with self.progress("fitting the ranker", len(features) + 2) as advance:
            with closing(fold_tables(self.lists, features)) as made:
                learned = []
                for one in islice(made, len(features) - 1):
                    learned.append(one)
                    advance(1)
                own, missing = self.trees_of(learned)  # while a process makes the lists to judge them on
                advance(1)
                [test] = made
                advance(1)
            trees = {"own": own, "default": self.default}
            gains = {name: gains_of(fusion, test) for name, fusion in trees.items() if fusion}
            verdict = judge(learned[0].first_stages, test.first_stages, gains, missing)
            if verdict.serves == "own":  # the same recipe on all lists: what was judged had not seen the newest
                trees["own"], _ = self.trees_of([*learned, test])
            advance(1)
        return FittedRanker(verdict, trees.get(verdict.serves))

    def own_trees(self, folds: Sequence[FoldData]) -> tuple[Fusion | None, str]:
        """Trees fitted on the lists; None, and why, where these do not suffice."""
        try:
            return self._fitted([tabulate(fold.scored, self.features, np.float32) for fold in folds])
        except RunIncomplete as fault:
            return None, fault.message

    def trees_of(self, folds: Sequence[FoldTable]) -> tuple[Fusion | None, str]:
        """The same of their features, which hold those of own trees."""
        tables = [fold.table.with_features(self.features) for fold in folds if fold.table]
        return self._fitted(tables) if tables else (None, folds[-1].missing)

    def _fitted(self, tables: Sequence[FusionTable]) -> tuple[Fusion | None, str]:
        try:
            return fit_lambdamart(concatenated(tables), self.options.trees, self.options.seed), ""
        except RunIncomplete as fault:
            return None, fault.message


def gains_of(fusion: Fusion, fold: FoldTable) -> Values:
    """[lists] of the fold: NDCG@10 of what the trees put first."""
    gains = np.zeros(len(fold.listed))
    if fold.table:
        table = fold.table.with_features(fusion.spec.features)
        gains[np.flatnonzero(fold.listed)] = ndcg_by_list(table, fusion.margins_of(table.matrix))
    return gains
