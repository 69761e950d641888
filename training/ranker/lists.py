"""Lists as served to lists that a fusion is fitted on or ranks again: with the texts, the history and the popularity
that the gateway had when it served them. Knows no features' values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gateway.domain.history import History
from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FusionInput
from gateway.ranker.fused_score import Fusion
from gateway.ranker.signals import ItemSignals
from gateway.ranking.order import rank
from training.lists.candidate_list import CandidateList
from training.lists.served import ServedList
from training.protocol.dataset import Dataset, Phase
from training.ranker.table import ScoredList

NO_SIGNALS: Mapping[str, ItemSignals] = MappingProxyType({})


def scored_lists(served: Sequence[ServedList], dataset: Dataset, phase: Phase) -> list[ScoredList]:
    """Lists that were served in ``phase``, in order."""
    popularity = users_by_item(dataset, phase)
    return [
        ScoredList(
            one.user_id,
            fusion_input(one, dataset.case(one.user_id, phase).history, dataset.fields, popularity),
            frozenset(one.targets),
        )
        for one in served
    ]


def unscored_lists(
    lists: Sequence[CandidateList], dataset: Dataset, fold: int, signals: Mapping[str, ItemSignals] = NO_SIGNALS
) -> list[ScoredList]:
    """Lists of ``fold`` that no model has scored, for features other than the logit's."""
    popularity = users_by_item(dataset, fold)
    return [
        ScoredList(
            one.user_id,
            replace(_input(one.candidates, {}, one.history, dataset.fields, popularity), signals=signals),
            frozenset(one.targets),
        )
        for one in lists
    ]


def fusion_input(
    one: ServedList,
    history: History[str],
    items: Mapping[str, Mapping[str, str]],
    popularity: Mapping[str, float],
) -> FusionInput:
    """``items`` may hold more than the list's."""
    logits = {candidate.item_id: logit for candidate, logit in zip(one.candidates, one.logits, strict=bool(one.logits))}
    return _input(one.candidates, logits, history, items, popularity)


def _input(
    candidates: Sequence[Candidate],
    logits: Mapping[str, float],
    history: History[str],
    items: Mapping[str, Mapping[str, str]],
    popularity: Mapping[str, float],
) -> FusionInput:
    events = history.map(lambda item_id: HistoryEvent(item_id, items[item_id])).newest_first
    return FusionInput(candidates, logits=logits, items=items, history=events, popularity=popularity)


def users_by_item(dataset: Dataset, phase: int) -> Mapping[str, int]:
    """How many users liked an item, as the gateway's store counts when lists of ``phase`` are served."""
    liked = {(row.user_id, row.item_id) for row in dataset.interactions(phase) if row.weight > 0}
    return Counter(item_id for _, item_id in liked)


def order_by(fusion: Fusion, given: FusionInput) -> tuple[str, ...]:
    """Item ids as the gateway would rank them."""
    return tuple(placed.candidate.item_id for placed in rank(fusion, given))
