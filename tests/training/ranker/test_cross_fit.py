"""Out-of-fold quality is honest: no list is scored by what was fitted on its user; ablations lose what is left out."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from tests.training.tables_by_hand import NAMES, random_table
from training.errors import RunIncomplete
from training.metrics.ranking import ndcg, target_ranks
from training.ranker.cross_fit import ablate, families, fold_of_lists, ndcg_by_list, out_of_fold
from training.ranker.linear import fit_linear
from training.ranker.table import FusionTable

CONSTANT = Fusion(LinearFusion((FusionTerm("first_stage", 1.0),)))


def test_each_list_is_scored_by_a_fit_on_other_users() -> None:
    table = random_table(23, logit_quality=1.0, seed=1)
    two_lists_each = replace(table, users=tuple(f"u{place // 2}" for place in range(23)))
    fitted: list[FusionTable] = []

    def fit(one: FusionTable) -> Fusion:
        fitted.append(one)
        return Fusion(LinearFusion((FusionTerm("first_stage", 0.0),), intercept=float(len(fitted))))

    margins = out_of_fold(two_lists_each, fit, folds=4)
    assert len(fitted) == 4
    for number, one in enumerate(fitted, start=1):
        rows = np.repeat([user in one.users for user in two_lists_each.users], two_lists_each.sizes)
        assert not (margins[rows] == number).any()
        assert (margins[~rows] == number).all()
        assert one.matrix.shape[0] == rows.sum()


def test_a_fit_that_remembers_its_users_gains_nothing_out_of_fold() -> None:
    """The planted fault: each user has a feature that tells the targets, and its weight is learned from that user."""
    table = random_table(40, logit_quality=0.0, seed=2, names=("score:noise",))
    owner = np.repeat(np.arange(40), table.sizes)
    told = (owner[:, None] == np.arange(40)) & table.is_target[:, None]
    memory = replace(table, names=tuple(f"score:{user}" for user in table.users), matrix=told.astype(float))

    def remember(one: FusionTable) -> Fusion:
        return Fusion(LinearFusion(tuple(FusionTerm(name, float(name[6:] in one.users)) for name in one.names)))

    assert ndcg_by_list(memory, remember(memory).margins_of(memory.matrix)).mean() == pytest.approx(1.0)
    first_stage = ndcg_by_list(memory, np.zeros(len(memory.matrix)))
    assert np.array_equal(ndcg_by_list(memory, out_of_fold(memory, remember)), first_stage)


def test_users_with_targets_are_spread_over_the_folds_and_a_user_is_in_one() -> None:
    table = random_table(30, logit_quality=1.0, seed=3)
    few = replace(table, is_target=table.is_target & np.repeat(np.arange(30) < 5, table.sizes))
    folds = fold_of_lists(few, 5, seed=1)
    assert sorted(folds[:5]) == [0, 1, 2, 3, 4]
    assert np.bincount(folds).tolist() == [6] * 5
    assert np.array_equal(folds, fold_of_lists(few, 5, seed=1))
    assert not np.array_equal(folds, fold_of_lists(few, 5, seed=2))
    with pytest.raises(RunIncomplete, match=r"5 users have a target .* 6 folds"):
        fold_of_lists(few, 6, seed=1)


@pytest.mark.parametrize("seed", range(3))
def test_ndcg_equals_that_of_the_evaluation(seed: int) -> None:
    table = replace(random_table(20, logit_quality=1.0, seed=seed), targets=np.array([3, 12] * 10))
    margins = np.round(np.random.default_rng(seed).normal(size=len(table.matrix)))
    found = ndcg_by_list(table, margins)
    for number, start in enumerate(table.starts):
        rows = [str(row) for row in np.argsort(-margins[start : start + table.sizes[number]], kind="stable")]
        hits = [str(row) for row in np.flatnonzero(table.is_target[start : start + table.sizes[number]])]
        expected = ndcg(target_ranks(rows, hits), int(table.targets[number]), 10)
        assert found[number] == pytest.approx(expected), f"seed {seed}"


def test_equal_margins_keep_first_stage_order() -> None:
    table = random_table(10, logit_quality=1.0, seed=4)
    places = np.concatenate([-np.arange(size) for size in table.sizes])
    assert np.array_equal(ndcg_by_list(table, np.ones(len(places))), ndcg_by_list(table, places))


def test_an_ablation_loses_most_where_the_best_features_are_left_out() -> None:
    table = random_table(150, logit_quality=2.0, seed=5)
    whole, *rows = ablate(table, fit_linear)
    assert (whole.left_out, whole.change) == ("nothing", 0.0)
    assert [one.left_out for one in rows] == ["logit", "first_stage"]
    logit, first_stage = rows
    assert logit.change < first_stage.change < 0
    assert logit.ndcg == pytest.approx(whole.ndcg + logit.change)
    assert logit.features == ("logit",)


def test_an_ablation_of_own_groups_takes_them_as_named_and_never_leaves_nothing() -> None:
    table = random_table(30, logit_quality=1.0, seed=6)
    rows = ablate(table, fit_linear, {"noise": ("log_score:noise",), "all": table.names})
    assert [(one.left_out, one.features) for one in rows] == [("nothing", ()), ("noise", ("log_score:noise",))]


def test_families_keep_the_order_of_the_features() -> None:
    assert families(["first_stage", "logit", "sources", "logit_z"]) == {
        "first_stage": ("first_stage", "sources"),
        "logit": ("logit", "logit_z"),
    }
    assert set(families(NAMES)) == {"logit", "first_stage"}
