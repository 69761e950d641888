"""Measures orders on items that nobody has liked yet: lists of what is known and, behind them, the hidden items nearest
by text. Knows no way of fitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gateway.candidates.text_ann import TextAnnSettings
from gateway.ranker.fused_score import Fusion
from training.first_stage.cosine import Cosine
from training.lists.candidate_list import CandidateList
from training.lists.cold import with_cold
from training.metrics.ranking import ndcg, target_ranks
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Phase
from training.ranker.lists import order_by
from training.ranker.table import ScoredList
from training.trees.cold_dropout import READS
from training.trees.own import OwnRanker

DEPTH = 10


@dataclass(frozen=True, slots=True)
class ColdMeasure:
    """NDCG@10 of one order, means over the users who liked a hidden item next. ``hidden``: of hidden targets in the
    whole list; ``warm``: of the other targets in the list without hidden items; ``all_targets``: of both in the whole
    list."""

    hidden: float
    warm: float
    all_targets: float


def measure_cold(cold: ColdProtocol, ranker: OwnRanker, orders: Mapping[str, Fusion]) -> dict[str, ColdMeasure]:
    """By order's name. ``ranker`` knows ``cold.known`` and nothing else. Empty where no user liked a hidden item."""
    test = ranker.lists.fold(Phase.TEST)
    pairs = [
        (longer, one)
        for longer, one in zip(_with_hidden(cold, ranker, test.lists), test.scored, strict=True)
        if cold.targets[one.user_id]
    ]
    return {name: _measured(fusion, cold, pairs) for name, fusion in orders.items()} if pairs else {}


def _with_hidden(cold: ColdProtocol, ranker: OwnRanker, lists: Sequence[CandidateList]) -> list[CandidateList]:
    places = {item_id: place for place, item_id in enumerate(ranker.lists.item_ids)}
    reader = Cosine(READS, ranker.vectors, TextAnnSettings().history_items, pool="mean")
    scores = reader.score([one.history.map(places.__getitem__) for one in lists])
    hidden = sorted(cold.hidden, key=places.__getitem__)
    return with_cold(lists, scores[:, [places[item_id] for item_id in hidden]], hidden, READS)


def _measured(fusion: Fusion, cold: ColdProtocol, pairs: Sequence[tuple[CandidateList, ScoredList]]) -> ColdMeasure:
    gains = []
    for longer, one in pairs:
        whole = order_by(fusion, replace(one.given, candidates=longer.candidates))
        hidden = cold.targets[one.user_id]
        gains.append(
            (
                _gain(whole, hidden),
                _gain(order_by(fusion, one.given), one.targets),
                _gain(whole, hidden | one.targets),
            )
        )
    return ColdMeasure(*(float(mean) for mean in np.mean(gains, axis=0)))


def _gain(order: Sequence[str], targets: frozenset[str]) -> float:
    return ndcg(target_ranks(order, sorted(targets)), len(targets), DEPTH)
