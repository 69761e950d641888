"""The fitted fusion: it finds who knows something, its score is a chance, and the gateway ranks with it as fitted."""

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.encoding.spec import FusionSpec
from gateway.ranking import fused_margin, fusion_features, sigmoid
from tests.training.lists_by_hand import random_lists
from training.errors import RunIncomplete
from training.fusion import LOGIT, ScoredList, feature_names, fit_fusion
from training.served_lists import ServedList

SOURCES = ("weak", "noise")


def scored(lists: Sequence[ServedList]) -> list[ScoredList]:
    return [ScoredList(one.user_id, one.candidates, one.logits, frozenset(one.targets)) for one in lists]


def weights(fusion: FusionSpec) -> dict[str, float]:
    return {term.feature: term.weight for term in fusion.terms}


def test_the_logit_leads_where_it_knows_most() -> None:
    found = weights(fit_fusion(scored(random_lists(200, logit_quality=2.0, seed=1)), feature_names(SOURCES)))
    assert found[LOGIT] == max(found.values())
    assert abs(found["log_score:noise"]) + abs(found["reciprocal_rank:noise"]) < found[LOGIT] / 3


def test_a_logit_that_knows_nothing_gets_hardly_any_weight() -> None:
    found = weights(fit_fusion(scored(random_lists(400, logit_quality=0.0, seed=2)), feature_names(SOURCES)))
    assert abs(found[LOGIT]) < 0.15
    assert found["log_score:weak"] + found["reciprocal_rank:weak"] > 0.3


def test_the_score_is_the_chance_of_being_a_target() -> None:
    lists = scored(random_lists(400, logit_quality=1.5, seed=3))
    fusion = fit_fusion(lists, feature_names(SOURCES))
    rows = [
        (sigmoid(fused_margin(fusion, candidate, logit)), candidate.item_id in one.targets)
        for one in lists
        for candidate, logit in zip(one.candidates, one.logits, strict=True)
    ]
    chances, hits = np.array(rows).T
    assert chances.mean() == pytest.approx(hits.mean(), abs=0.005)
    high = chances > np.quantile(chances, 0.9)
    assert chances[high].mean() == pytest.approx(hits[high].mean(), abs=0.05)


def test_the_margin_is_the_linear_model_of_the_features() -> None:
    lists = scored(random_lists(20, logit_quality=1.0, seed=4))
    fusion = fit_fusion(lists, feature_names(SOURCES))
    names = [term.feature for term in fusion.terms]
    one = lists[0]
    features = fusion_features(names, one.candidates, one.logits)
    standard = (features - [term.mean for term in fusion.terms]) / [term.scale for term in fusion.terms]
    expected = standard @ [term.weight for term in fusion.terms] + fusion.intercept
    margins = [fused_margin(fusion, item, logit) for item, logit in zip(one.candidates, one.logits, strict=True)]
    assert margins == pytest.approx(expected)


def test_a_feature_that_never_varies_is_left_out() -> None:
    found = weights(fit_fusion(scored(random_lists(20, logit_quality=1.0, seed=5)), feature_names((*SOURCES, "away"))))
    assert not any("away" in name for name in found)


def test_without_the_logit_no_term_reads_it() -> None:
    names = feature_names(SOURCES, with_logit=False)
    assert LOGIT not in names
    assert LOGIT not in weights(fit_fusion(scored(random_lists(20, logit_quality=1.0, seed=6)), names))


def test_lists_without_targets_cannot_be_fitted() -> None:
    lists = [
        ScoredList(one.user_id, one.candidates, one.logits, frozenset())
        for one in scored(random_lists(3, logit_quality=1.0, seed=7))
    ]
    with pytest.raises(RunIncomplete, match="no candidate list holds a target"):
        fit_fusion(lists, feature_names(SOURCES))
