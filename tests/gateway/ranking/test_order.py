"""The order is total: fused score, then first-stage rank; unscored and invalid items stand behind."""

import math
import random

import pytest

from gateway.domain.values import Candidate, DiversityCap, Item
from gateway.ranker.features import FusionInput
from gateway.ranker.fused_score import LOGIT_FUSION, Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from gateway.ranking.order import RankedCandidate, at_least, cap_shared, sigmoid
from gateway.ranking.order import rank as rank_list
from tests.gateway.ranker.by_hand import candidate


def rank(fusion: Fusion, candidates: list[Candidate], logits: dict[str, float]) -> list[RankedCandidate]:
    return rank_list(fusion, FusionInput(candidates, logits))


LIST = [candidate(name, position) for position, name in enumerate("abcde", start=1)]


def order(logits: dict[str, float], candidates: list[Candidate] = LIST) -> str:
    return "".join(one.candidate.item_id for one in rank(LOGIT_FUSION, candidates, logits))


def test_higher_logits_come_first() -> None:
    assert order({"a": 0.1, "b": 3.0, "c": -2.0, "d": 1.0, "e": 2.0}) == "bedac"


@pytest.mark.parametrize("seed", range(5))
def test_equal_logits_keep_first_stage_order_however_the_candidates_arrive(seed: int) -> None:
    shuffled = list(LIST)
    random.Random(seed).shuffle(shuffled)
    assert order(dict.fromkeys("abcde", 1.0), shuffled) == "abcde", f"seed {seed}"


def test_unscored_items_follow_in_first_stage_order_and_invalid_ones_come_last() -> None:
    logits = {"e": 0.5, "a": math.nan, "c": math.inf}
    placed = rank(LOGIT_FUSION, LIST, logits)
    assert "".join(one.candidate.item_id for one in placed) == "ebdac"
    assert [one.invalid for one in placed] == [False, False, False, True, True]
    assert [one.score is None for one in placed] == [False, True, True, True, True]


def test_the_score_is_the_sigmoid_of_the_margin_and_never_overflows() -> None:
    assert rank(LOGIT_FUSION, LIST[:1], {"a": 0.0})[0].score == 0.5
    assert sigmoid(1e4) == 1.0
    assert sigmoid(-1e4) == 0.0
    assert sigmoid(2.0) + sigmoid(-2.0) == pytest.approx(1.0)


def test_first_stage_signals_enter_the_fused_score_with_their_weights() -> None:
    terms = (FusionTerm("logit", 2.0), FusionTerm("reciprocal_rank:popular", 3.0, mean=0.5, scale=0.25))
    fusion = Fusion(LinearFusion(terms, intercept=-1.0))
    [placed] = rank(fusion, [candidate("a", 1, popular=(30, 7.0))], {"a": 0.5})
    assert placed.score == pytest.approx(sigmoid(-1 + 2 * 0.5 + 3 * (60 / 90 - 0.5) / 0.25))


def test_features_of_the_list_are_those_of_the_scored_items_alone() -> None:
    fusion = Fusion(LinearFusion((FusionTerm("logit_gap", 1.0),)))
    placed = rank(fusion, LIST, {"b": 3.0, "d": 1.0, "e": math.inf})
    assert [one.score for one in placed[:2]] == [0.5, pytest.approx(sigmoid(-2.0))]
    assert "".join(one.candidate.item_id for one in placed) == "bdace"


def test_a_strong_signal_can_overrule_the_logit() -> None:
    fusion = Fusion(LinearFusion((FusionTerm("logit", 1.0), FusionTerm("log_score:popular", 5.0))))
    candidates = [candidate("a", 1, popular=(9, 1.0)), candidate("b", 2, popular=(1, 500.0))]
    assert [one.candidate.item_id for one in rank(fusion, candidates, {"a": 1.0, "b": 0.0})] == ["b", "a"]


def test_min_score_leaves_out_low_scores_and_keeps_unscored_items() -> None:
    placed = at_least(rank(LOGIT_FUSION, LIST, {"a": 2.0, "b": -2.0}), 0.5)
    assert "".join(one.candidate.item_id for one in placed) == "acde"


def test_a_cap_keeps_the_best_items_of_each_value() -> None:
    items = {
        "a": Item("a", {}, {"genre": ("drama", "war")}),
        "b": Item("b", {}, {"genre": ("drama",)}),
        "c": Item("c", {}, {"genre": ("war",)}),
        "d": Item("d", {}, {"genre": "comedy"}),
        "e": Item("e", {}),
    }
    placed = cap_shared(rank(LOGIT_FUSION, LIST, {}), items, DiversityCap("genre", 1))
    assert "".join(one.candidate.item_id for one in placed) == "ade"
    assert len(cap_shared(placed, items, None)) == 3
