"""LambdaMART: it learns what a linear model cannot, twice the same bytes, and its score is a chance on unseen users."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from scipy.special import expit

from gateway.ranker.spec import TreeFusion
from tests.training.tables_by_hand import NAMES, random_table
from training.errors import RunIncomplete
from training.options.config import FusionOptions
from training.ranker.cross_fit import ndcg_by_list, out_of_fold
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.linear import fit_linear
from training.ranker.table import FusionTable

OPTIONS = FusionOptions(kind="lambdamart", bag=2, trees=60, leaves=7, leaf_items=20, learning_rate=0.1, patience=10)


def in_the_middle(count: int, seed: int) -> FusionTable:
    """Targets have a signal near 0, other items one of either sign."""
    table = random_table(count, logit_quality=0.0, seed=seed, names=("first_stage",))
    spread = np.where(table.is_target, 0.3, 1.5)
    return replace(table, matrix=np.random.default_rng(100 + seed).normal(0, spread)[:, None])


def test_it_finds_what_no_weighted_sum_can_tell() -> None:
    learned, unseen = in_the_middle(150, seed=1), in_the_middle(150, seed=2)
    linear = ndcg_by_list(unseen, fit_linear(learned).margins_of(unseen.matrix)).mean()
    trees = ndcg_by_list(unseen, fit_lambdamart(learned, OPTIONS, seed=1).margins_of(unseen.matrix)).mean()
    assert trees > linear + 0.2


def test_the_score_is_the_chance_of_being_a_target_for_users_it_never_saw() -> None:
    learned = random_table(300, logit_quality=1.5, seed=3)
    fusion = fit_lambdamart(learned, replace(OPTIONS, bag=5, leaves=15, patience=30), seed=1)
    unseen = random_table(300, logit_quality=1.5, seed=4).with_features(fusion.spec.features)
    chances = expit(fusion.margins_of(unseen.matrix))
    assert chances.mean() == pytest.approx(unseen.is_target.mean(), abs=0.02)
    high = chances > np.quantile(chances, 0.9)
    assert chances[high].mean() == pytest.approx(unseen.is_target[high].mean(), abs=0.08)


def test_a_higher_logit_is_worth_the_same_to_every_item() -> None:
    table = random_table(80, logit_quality=1.0, seed=11)
    fusion = fit_lambdamart(table, OPTIONS, seed=1)
    rows = table.with_features(fusion.spec.features).matrix
    higher = rows + np.array([*[0.0] * (len(NAMES) - 1), 1.0])
    assert fusion.spec.features[-1] == "logit"
    gain = fusion.margins_of(higher) - fusion.margins_of(rows)
    assert gain[0] > 0
    assert gain == pytest.approx(gain[0])


def test_a_logit_alone_is_no_work_for_trees() -> None:
    with pytest.raises(RunIncomplete, match="found nothing to split"):
        fit_lambdamart(random_table(40, logit_quality=1.0, seed=12, names=("logit",)), OPTIONS, seed=1)


def test_trees_that_are_wrong_about_others_are_refused() -> None:
    table = random_table(60, logit_quality=1.0, seed=13, names=("logit", "first_stage"))
    noise = np.random.default_rng(2).permutation(table.matrix[:, 1])
    meaningless = replace(table, matrix=np.column_stack([table.matrix[:, 0], noise]))
    with pytest.raises(RunIncomplete, match="no better than chance; give more lists"):
        fit_lambdamart(meaningless, replace(OPTIONS, leaves=2, trees=2), seed=1)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    table = random_table(80, logit_quality=1.0, seed=5)
    first, again, other = (fit_lambdamart(table, OPTIONS, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_gateway_scores_as_lightgbm_does() -> None:
    table = random_table(60, logit_quality=1.0, seed=6)
    fusion = fit_lambdamart(table, OPTIONS, seed=1)
    assert isinstance(fusion.spec, TreeFusion)
    assert fusion.trees is not None
    assert fusion.spec.features == (*NAMES[1:], "logit")
    (logit,) = fusion.spec.terms
    own = table.with_features(fusion.spec.features)
    raw = np.asarray(lightgbm.Booster(model_str=fusion.trees.text).predict(own.matrix[:, :-1], num_threads=1))
    weighed = logit.weight * (own.matrix[:, -1] - logit.mean) / logit.scale
    assert fusion.margins_of(own.matrix) == pytest.approx(fusion.spec.slope * raw + weighed + fusion.spec.intercept)


def test_a_booster_stops_where_unseen_users_gain_no_more() -> None:
    noise = random_table(80, logit_quality=0.0, seed=6, names=("logit", "score:noise"))
    many = replace(OPTIONS, trees=300)
    fusion = fit_lambdamart(noise, many, seed=1)
    assert fusion.trees is not None
    assert len(fusion.trees.nodes.roots) < many.bag * many.trees / 3


def test_a_share_of_what_was_no_target_suffices_and_the_score_stays_a_chance() -> None:
    learned, unseen = in_the_middle(300, seed=1), in_the_middle(300, seed=2)
    options = replace(OPTIONS, bag=5, leaf_items=5)
    whole, part = (fit_lambdamart(learned, replace(options, negative_share=share), seed=1) for share in (1.0, 0.5))
    margins = part.margins_of(unseen.matrix)
    assert part != whole
    assert ndcg_by_list(unseen, margins).mean() > ndcg_by_list(unseen, whole.margins_of(unseen.matrix)).mean() - 0.05
    assert expit(margins).mean() == pytest.approx(unseen.is_target.mean(), abs=0.02)


def test_too_few_users_with_targets_are_told_what_to_do() -> None:
    table = random_table(4, logit_quality=1.0, seed=8)
    with pytest.raises(RunIncomplete, match=r"4 users have a target .*; 5 folds need one each; .*'linear'"):
        fit_lambdamart(table, OPTIONS, seed=1)


def test_features_that_never_vary_leave_nothing_to_learn() -> None:
    table = random_table(40, logit_quality=1.0, seed=9, names=("score:away", "history_length"))
    with pytest.raises(RunIncomplete, match="found nothing to split"):
        fit_lambdamart(table, OPTIONS, seed=1)


def test_more_knowledge_is_worth_more_out_of_fold() -> None:
    def quality(table: FusionTable) -> float:
        return float(ndcg_by_list(table, out_of_fold(table, lambda one: fit_lambdamart(one, OPTIONS, seed=1))).mean())

    table = random_table(100, logit_quality=2.0, seed=10)
    assert quality(table) > quality(table.without_logit()) + 0.1
