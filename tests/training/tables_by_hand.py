"""Fusion tables of random lists, for tests of fitting."""

from collections.abc import Sequence

from tests.training.histories import oldest_first
from tests.training.lists_by_hand import random_lists
from training.ranker.lists import fusion_input
from training.ranker.table import FusionTable, ScoredList, tabulate

SOURCES = ("weak", "noise")
NAMES = (
    "logit",
    "first_stage",
    *(f"{kind}:{source}" for source in SOURCES for kind in ("reciprocal_rank", "log_score")),
)


def random_scored(count: int, *, logit_quality: float, seed: int) -> list[ScoredList]:
    """random_lists without texts and history."""
    return [
        ScoredList(one.user_id, fusion_input(one, oldest_first(), {}, {}), frozenset(one.targets))
        for one in random_lists(count, logit_quality=logit_quality, seed=seed)
    ]


def random_table(count: int, *, logit_quality: float, seed: int, names: Sequence[str] = NAMES) -> FusionTable:
    """Their table."""
    return tabulate(random_scored(count, logit_quality=logit_quality, seed=seed), names)
