"""A fused score as the teacher: what it ranks, that it never marks its own users, and what a student gets of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from gateway.ranker.fused_score import Fusion
from tests.training.histories import oldest_first
from tests.training.popular_lists import popular_lists
from tests.training.run_tiny import WORLD, tiny_config, train_tiny
from training.errors import ConfigInvalid, RunIncomplete
from training.examples.example import RankingExample, read_examples
from training.examples.maker import ExampleMaker, known_to_training
from training.fit.model_teacher import share_with_positive
from training.lists.candidate_list import CandidateList
from training.options.config import FusionOptions, TrainingConfig, parse_config
from training.options.fit import TeacherOptions
from training.protocol.dataset import Dataset
from training.ranker import teacher
from training.ranker.feature_names import feature_names
from training.ranker.fit import fit_fusion
from training.ranker.table import FusionTable
from training.ranker.teacher import rank_by_fusion
from training.run_folder import RunFolder

FUSION = FusionOptions(kind="linear", features=("first_stage", "reciprocal_rank:popular", "recency:genre", "logit"))
FOLDS = (2, 3)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    config = tiny_config(tmp_path_factory.mktemp("model"))
    return replace(config, teacher=TeacherOptions(fusion=True), fusion=FUSION)


@pytest.fixture(scope="module")
def dataset(config: TrainingConfig) -> Dataset:
    return Dataset(WORLD, config.protocol)  # users of four genres, where the genre tells what first stage does not


@pytest.fixture(scope="module")
def lists(dataset: Dataset) -> dict[int, list[CandidateList]]:
    return {fold: popular_lists(dataset, fold, depth=100) for fold in FOLDS}


@pytest.fixture(scope="module")
def ranked(config: TrainingConfig, dataset: Dataset, lists: dict[int, list[CandidateList]]) -> list[CandidateList]:
    return rank_by_fusion(lists, config, dataset, lambda _: None)


def mean_rank_of_targets(lists: Sequence[CandidateList]) -> float:
    ranks = [c.rank for one in lists for c in one.candidates if c.item_id in one.targets]
    return float(np.mean(ranks))


def test_the_teacher_ranks_targets_higher_than_the_first_stage(
    ranked: list[CandidateList], lists: dict[int, list[CandidateList]]
) -> None:
    before = [one for fold in FOLDS for one in lists[fold]]
    assert mean_rank_of_targets(ranked) < 0.8 * mean_rank_of_targets(before)


def test_lists_keep_their_users_histories_targets_and_candidates(
    ranked: list[CandidateList], lists: dict[int, list[CandidateList]]
) -> None:
    before = [one for fold in FOLDS for one in lists[fold] if one.candidates]
    for one, other in zip(before, ranked, strict=True):
        assert (one.user_id, one.history, one.targets) == (other.user_id, other.history, other.targets)
        assert {c.item_id: c.hits for c in one.candidates} == {c.item_id: c.hits for c in other.candidates}


def test_a_feature_of_a_source_that_only_a_gateway_has_is_told(
    config: TrainingConfig, dataset: Dataset, lists: dict[int, list[CandidateList]]
) -> None:
    named = replace(FUSION, features=(*FUSION.features, "reciprocal_rank:text_ann"))
    told: list[str] = []
    rank_by_fusion(lists, replace(config, fusion=named), dataset, told.append)
    assert any("reciprocal_rank:text_ann never vary on training lists" in line for line in told), told


def test_ranks_count_from_one_and_scores_never_rise(ranked: list[CandidateList]) -> None:
    for one in ranked:
        assert [c.rank for c in one.candidates] == list(range(1, len(one.candidates) + 1))
        scores = [c.score for c in one.candidates]
        assert scores == sorted(scores, reverse=True)


def test_no_list_is_scored_by_a_fusion_that_was_fitted_on_its_user(
    config: TrainingConfig, dataset: Dataset, lists: dict[int, list[CandidateList]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[frozenset[str]] = []

    def watched(table: FusionTable, options: FusionOptions, seed: int) -> Fusion:
        fitted.append(frozenset(table.users))
        return fit_fusion(table, options, seed)

    monkeypatch.setattr(teacher, "fit_fusion", watched)
    rank_by_fusion(lists, config, dataset, lambda _: None)
    users = {one.user_id for found in lists.values() for one in found}
    left_out = [users - seen for seen in fitted]
    assert set.union(*left_out) == users, "every user is left out once"
    assert sum(map(len, left_out)) == len(users), "with all lists, in whatever fold they are"


def test_trees_teach_as_well(config: TrainingConfig, dataset: Dataset, lists: dict[int, list[CandidateList]]) -> None:
    trees = FusionOptions(kind="lambdamart", features=FUSION.features, trees=20, patience=5, leaf_items=5)
    told: list[str] = []
    ranked = rank_by_fusion(lists, replace(config, fusion=trees), dataset, told.append)
    assert mean_rank_of_targets(ranked) < 0.8 * mean_rank_of_targets([one for fold in FOLDS for one in lists[fold]])
    assert any("NDCG@10" in line for line in told)


def test_without_any_candidate_there_is_no_teacher(config: TrainingConfig, dataset: Dataset) -> None:
    with pytest.raises(RunIncomplete, match="no candidate list"):
        rank_by_fusion({2: []}, config, dataset, lambda _: None)


def test_examples_hold_only_items_with_the_teachers_score(
    config: TrainingConfig, dataset: Dataset, ranked: list[CandidateList]
) -> None:
    examples = ExampleMaker(config, known_to_training(dataset)).make(ranked)
    scores = {(one.user_id, one.history): {c.item_id: c.score for c in one.candidates} for one in ranked}
    assert examples
    for one in examples:
        own = scores[one.user_id, one.history]
        assert one.labels == tuple(own[item_id] for item_id in one.items)


def test_a_share_of_the_labels_chances_is_the_teachers_and_the_rest_the_positives() -> None:
    one = RankingExample(oldest_first("h"), ("p", "a", "b"), (0.5, 2.0, -1.0))
    (shared,) = share_with_positive([one], 0.25)
    expected = 0.25 * softmax(np.array(one.labels)) + 0.75 * np.array([1, 0, 0])
    assert softmax(np.array(shared.labels)) == pytest.approx(expected)
    assert (shared.history, shared.items) == (one.history, one.items)


def test_a_share_of_nothing_leaves_the_positive_alone() -> None:
    (shared,) = share_with_positive([RankingExample(oldest_first(), ("p", "a"), (-50.0, 50.0))], 0.0)
    assert softmax(np.array(shared.labels)) == pytest.approx([1, 0], abs=1e-8)
    assert np.isfinite(shared.labels).all()


def test_a_student_is_trained_on_shared_labels(config: TrainingConfig, tmp_path: Path) -> None:
    fit = replace(config.fit, lists=96, save_steps=4, log_steps=1, dropout=False)
    teacher = TeacherOptions(fusion=True, share=0.5)
    folder = train_tiny(replace(config, fit=fit, teacher=teacher), tmp_path / "run")
    examples = read_examples(folder.examples)
    assert len(examples) == 96
    chances = np.array([softmax(np.array(one.labels))[0] for one in examples])
    assert (chances > 0.5).all(), "half of every label is the positive's"
    assert chances.std() > 0.01, "the other half is the teacher's opinion"
    assert json.loads(folder.record.read_text(encoding="utf-8"))["fit_loss"] > 0


def test_a_fusion_that_taught_cannot_be_changed_behind_the_runs_back(config: TrainingConfig, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin(config, "tables")
    other = replace(config, fusion=replace(FUSION, ridge=1.0))
    with pytest.raises(ConfigInvalid, match="fusion changed"):
        folder.check(other, "tables")
    plain = replace(config, teacher=TeacherOptions())
    folder = RunFolder(tmp_path / "plain")
    folder.begin(plain, "tables")
    folder.check(replace(plain, fusion=other.fusion), "tables")


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ({"share": 1.5}, "teacher.share is 1.5; use a number from 0 to 1"),
        ({"model": "run/cross_encoder", "fusion": True}, "keep one of the two"),
        ({"fusion": True, "share": 0.5}, 'only "listnet" learns from chances'),
    ],
)
def test_options_that_contradict_each_other_are_refused(teacher: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        parse_config({"name": "x", "teacher": teacher, "fit": {"loss": "margin_mse"}}, "x.toml")
    assert message in str(refused.value)


def test_more_features_join_those_that_fit() -> None:
    items = [{"series": "a", "volume": "1"}]
    plain = feature_names(FusionOptions("lambdamart"), ["als"], items)
    more = FusionOptions("lambdamart", more_features=("sequel:series/volume", plain[-1]))
    assert feature_names(more, ["als"], items) == (*plain, "sequel:series/volume")
    named = replace(more, features=("first_stage",))
    assert feature_names(named, ["als"], items)[-3:] == ("first_stage", "sequel:series/volume", plain[-1])
