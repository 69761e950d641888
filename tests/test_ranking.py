"""The order is total: fused score, then first-stage rank; unscored and invalid items stand behind."""

import math
import random

import pytest

from gateway.domain import Candidate, DiversityCap, Item, SourceHit
from gateway.encoding.spec import LOGIT_ONLY, FusionSpec, FusionTerm
from gateway.ranking import at_least, cap_shared, feature_value, fused_margin, fusion_features, rank, sigmoid


def candidate(item_id: str, position: int, **hits: tuple[int, float]) -> Candidate:
    made = tuple(SourceHit(source, *hit) for source, hit in hits.items())
    return Candidate(item_id, position, 1 / (60 + position), made)


LIST = [candidate(name, position) for position, name in enumerate("abcde", start=1)]


def order(logits: dict[str, float], candidates: list[Candidate] = LIST) -> str:
    return "".join(one.candidate.item_id for one in rank(LOGIT_ONLY, candidates, logits))


def test_higher_logits_come_first() -> None:
    assert order({"a": 0.1, "b": 3.0, "c": -2.0, "d": 1.0, "e": 2.0}) == "bedac"


@pytest.mark.parametrize("seed", range(5))
def test_equal_logits_keep_first_stage_order_however_the_candidates_arrive(seed: int) -> None:
    shuffled = list(LIST)
    random.Random(seed).shuffle(shuffled)
    assert order(dict.fromkeys("abcde", 1.0), shuffled) == "abcde", f"seed {seed}"


def test_unscored_items_follow_in_first_stage_order_and_invalid_ones_come_last() -> None:
    logits = {"e": 0.5, "a": math.nan, "c": math.inf}
    placed = rank(LOGIT_ONLY, LIST, logits)
    assert "".join(one.candidate.item_id for one in placed) == "ebdac"
    assert [one.invalid for one in placed] == [False, False, False, True, True]
    assert [one.score is None for one in placed] == [False, True, True, True, True]


def test_the_score_is_the_sigmoid_of_the_margin_and_never_overflows() -> None:
    assert rank(LOGIT_ONLY, LIST[:1], {"a": 0.0})[0].score == 0.5
    assert sigmoid(1e4) == 1.0
    assert sigmoid(-1e4) == 0.0
    assert sigmoid(2.0) + sigmoid(-2.0) == pytest.approx(1.0)


def test_first_stage_signals_enter_the_fused_score_with_their_weights() -> None:
    fusion = FusionSpec(
        (FusionTerm("logit", 2.0), FusionTerm("reciprocal_rank:popular", 3.0, mean=0.5, scale=0.25)), intercept=-1.0
    )
    one = candidate("a", 1, popular=(30, 7.0))
    assert fused_margin(fusion, one, 0.5) == pytest.approx(-1 + 2 * 0.5 + 3 * (60 / 90 - 0.5) / 0.25)


def test_a_strong_signal_can_overrule_the_logit() -> None:
    fusion = FusionSpec((FusionTerm("logit", 1.0), FusionTerm("log_score:popular", 5.0)))
    candidates = [candidate("a", 1, popular=(9, 1.0)), candidate("b", 2, popular=(1, 500.0))]
    assert [one.candidate.item_id for one in rank(fusion, candidates, {"a": 1.0, "b": 0.0})] == ["b", "a"]


def test_features_of_a_source_that_did_not_propose_the_item_are_zero() -> None:
    names = ["logit", "first_stage", "reciprocal_rank:popular", "score:popular", "log_score:popular"]
    matrix = fusion_features(names, [candidate("a", 1), candidate("b", 2, popular=(1, 3.0))], [0.5, -0.5])
    assert matrix.tolist() == [
        [0.5, 1 / 61, 0.0, 0.0, 0.0],
        [-0.5, 1 / 62, 60 / 61, 3.0, math.log1p(3.0)],
    ]


def test_an_unknown_feature_is_an_error_not_a_zero() -> None:
    with pytest.raises(KeyError):
        feature_value("luck:popular", LIST[0], 0.0)


def test_min_score_leaves_out_low_scores_and_keeps_unscored_items() -> None:
    placed = at_least(rank(LOGIT_ONLY, LIST, {"a": 2.0, "b": -2.0}), 0.5)
    assert "".join(one.candidate.item_id for one in placed) == "acde"


def test_a_cap_keeps_the_best_items_of_each_value() -> None:
    items = {
        "a": Item("a", {}, {"genre": ("drama", "war")}),
        "b": Item("b", {}, {"genre": ("drama",)}),
        "c": Item("c", {}, {"genre": ("war",)}),
        "d": Item("d", {}, {"genre": "comedy"}),
        "e": Item("e", {}),
    }
    placed = cap_shared(rank(LOGIT_ONLY, LIST, {}), items, DiversityCap("genre", 1))
    assert "".join(one.candidate.item_id for one in placed) == "ade"
    assert len(cap_shared(placed, items, None)) == 3
