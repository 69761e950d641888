"""The fitted linear fusion: it finds who knows something, its score is a chance, the gateway ranks as fitted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import LinearFusion
from tests.training.tables_by_hand import NAMES, random_scored, random_table
from training.errors import ConfigInvalid, RunIncomplete
from training.options.config import FusionOptions, parse_config
from training.ranker.baselines import TREES_WITHOUT_LOGIT, WITHOUT_LOGIT
from training.ranker.calibration import platt_scaling
from training.ranker.fit import fit_fusion, fit_fusions
from training.ranker.linear import fit_linear
from training.ranker.table import Values, tabulate


def weights(fusion: Fusion) -> dict[str, float]:
    assert isinstance(fusion.spec, LinearFusion)
    return {term.feature: term.weight for term in fusion.spec.terms}


def test_the_logit_leads_where_it_knows_most() -> None:
    found = weights(fit_linear(random_table(200, logit_quality=2.0, seed=1)))
    assert found["logit"] == max(found.values())
    assert abs(found["log_score:noise"]) + abs(found["reciprocal_rank:noise"]) < found["logit"] / 3


def test_a_logit_that_knows_nothing_gets_hardly_any_weight() -> None:
    found = weights(fit_linear(random_table(400, logit_quality=0.0, seed=2)))
    assert abs(found["logit"]) < 0.15
    assert found["log_score:weak"] + found["reciprocal_rank:weak"] > 0.3


def test_the_score_is_the_chance_of_being_a_target() -> None:
    table = random_table(400, logit_quality=1.5, seed=3)
    chances = expit(fit_linear(table).margins_of(table.matrix))
    assert chances.mean() == pytest.approx(table.is_target.mean(), abs=0.005)
    high = chances > np.quantile(chances, 0.9)
    assert chances[high].mean() == pytest.approx(table.is_target[high].mean(), abs=0.05)


def test_the_gateway_scores_a_list_as_the_fit_scored_its_rows() -> None:
    lists = random_scored(20, logit_quality=1.0, seed=4)
    table = tabulate(lists, NAMES)
    fusion = fit_linear(table)
    margins = np.concatenate([fusion.margins(one.given) for one in lists])
    assert margins == pytest.approx(fusion.margins_of(table.matrix))
    assert isinstance(fusion.spec, LinearFusion)
    standard = (table.matrix - [term.mean for term in fusion.spec.terms]) / [one.scale for one in fusion.spec.terms]
    assert margins == pytest.approx(standard @ [one.weight for one in fusion.spec.terms] + fusion.spec.intercept)


def test_the_weights_make_the_targets_as_likely_as_weights_of_that_direction_can() -> None:
    """Against the definition, list by list. Calibration changes the weights' length, not their direction."""
    table = random_table(60, logit_quality=1.0, seed=8, names=("logit", "log_score:weak"))
    fitted = np.array(list(weights(fit_linear(table, ridge=0.0)).values()))
    standard = (table.matrix - table.matrix.mean(axis=0)) / table.matrix.std(axis=0)

    def likelihood(direction: Values) -> float:
        def total(length: float) -> float:
            scores = np.split(length * (standard @ direction), table.starts[1:])
            hits = np.split(table.is_target, table.starts[1:])
            return sum(float((one - logsumexp(one))[hit].sum()) for one, hit in zip(scores, hits, strict=True))

        return max(total(length) for length in np.linspace(0.1, 3, 80))

    best = likelihood(fitted)
    assert best > likelihood(fitted * [1.2, 1.0]) + 0.01
    assert best > likelihood(fitted * [1.0, 1.2]) + 0.01


def test_a_feature_that_never_varies_is_left_out() -> None:
    found = weights(fit_linear(random_table(20, logit_quality=1.0, seed=5, names=(*NAMES, "score:away"))))
    assert list(found) == list(NAMES)


def test_without_the_logit_no_term_reads_it() -> None:
    table = random_table(20, logit_quality=1.0, seed=6, names=(*NAMES, "logit_z", "logit_rank"))
    assert list(weights(fit_linear(table.without_logit()))) == list(NAMES[1:])


def test_a_calibration_finds_the_slope_and_intercept_that_made_the_targets() -> None:
    random = np.random.default_rng(7)
    margins = random.normal(size=200_000)
    slope, intercept = platt_scaling(margins, random.random(200_000) < expit(0.5 * margins - 2))
    assert [slope, intercept] == pytest.approx([0.5, -2], abs=0.03)


def test_lists_without_targets_cannot_be_fitted() -> None:
    lists = [replace(one, targets=frozenset()) for one in random_scored(3, logit_quality=1.0, seed=7)]
    with pytest.raises(RunIncomplete, match="no candidate list holds a target"):
        tabulate(lists, NAMES)


def test_the_kind_decides_what_is_fitted_and_an_unknown_one_is_refused() -> None:
    table = random_table(40, logit_quality=1.0, seed=9)
    assert fit_fusion(table, FusionOptions(), seed=1).spec.kind == "linear"
    assert fit_fusion(table, FusionOptions(kind="lambdamart", trees=3), seed=1).spec.kind == "lambdamart"
    with pytest.raises(ConfigInvalid, match=r"fusion\.kind is 'oracle'; use one of linear, lambdamart"):
        parse_config({"name": "mine", "fusion": {"kind": "oracle"}}, "mine")


@pytest.mark.parametrize("options", [FusionOptions(), FusionOptions(kind="lambdamart", bag=2, trees=3)])
def test_fitted_together_the_fusions_with_and_without_the_logit_are_what_each_is_alone(options: FusionOptions) -> None:
    table = random_table(60, logit_quality=1.0, seed=10)
    both = fit_fusions(table, options, seed=1)
    assert both.served == fit_fusion(table, options, seed=1)
    without = both.without_logit[WITHOUT_LOGIT]
    assert without == fit_fusion(table.without_logit(), options, seed=1)
    assert "logit" not in without.spec.features
    assert "logit" in both.served.spec.features


def test_where_a_linear_score_is_served_trees_without_the_logit_are_a_baseline_too() -> None:
    table = random_table(60, logit_quality=1.0, seed=10)
    options = FusionOptions(bag=2, trees=3)
    trees = fit_fusions(table, options, seed=1).without_logit[TREES_WITHOUT_LOGIT]
    assert trees == fit_fusion(table.without_logit(), replace(options, kind="lambdamart"), seed=1)
    few = random_table(4, logit_quality=1.0, seed=10)
    assert list(fit_fusions(few, options, seed=1).without_logit) == [WITHOUT_LOGIT], "too few lists for trees"
