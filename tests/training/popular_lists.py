"""Candidate lists by popularity alone: the simplest train-only first stage, for tests of what is trained on them."""

from collections import Counter

from gateway.domain.values import Candidate, SourceHit
from training.lists.candidate_list import CandidateList
from training.protocol.dataset import Dataset

SOURCE = "popular"


def popular_lists(dataset: Dataset, fold: int, depth: int = 40) -> list[CandidateList]:
    """One list per user who has the fold."""
    counts = Counter(item for user_id in dataset.users for item in dataset.known_positives(user_id, fold))
    ranked = sorted(dataset.fields, key=lambda item_id: (-counts[item_id], item_id))
    lists = []
    for case in dataset.cases(fold):
        chosen = [
            item_id for item_id in ranked if item_id not in case.seen and item_id not in case.history.oldest_first
        ][:depth]
        candidates = tuple(
            Candidate(item_id, rank, float(counts[item_id]), (SourceHit(SOURCE, rank, float(counts[item_id])),))
            for rank, item_id in enumerate(chosen, start=1)
        )
        lists.append(CandidateList(case.user_id, case.history, case.targets, candidates, {SOURCE: tuple(chosen)}))
    return lists
