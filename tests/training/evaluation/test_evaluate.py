"""The evaluation of any lists: rows, the honest comparison, and the document that programs read."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, QUALITY, random_evaluated
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import SharedField
from training.evaluation.lists import EvaluatedList, ListsInvalid
from training.evaluation.plan import EvaluationPlan
from training.metrics.ranking import METRICS, expected_at_random, measure
from training.metrics.significance import bootstrap_intervals, paired_differences


@pytest.fixture(scope="module")
def lists() -> list[EvaluatedList]:
    return random_evaluated(200, seed=1)


@pytest.fixture(scope="module")
def found(lists: list[EvaluatedList]) -> Evaluation:
    return evaluate(lists, replace(PLAN, shared=(SharedField("author"),)), CATALOGUE, POPULARITY)


def test_every_row_has_every_metric_with_an_interval(found: Evaluation) -> None:
    assert [one.name for one in found.methods] == list(QUALITY)
    for one in found.methods:
        assert list(one.intervals) == list(METRICS)
        assert all(value.low <= value.mean <= value.high for value in one.intervals.values())


def test_a_row_is_the_mean_of_its_lists_with_the_bootstrap_of_its_column(
    found: Evaluation, lists: list[EvaluatedList]
) -> None:
    values = np.array([measure(one.orders["learned"], one.targets)["map@10"] for one in lists])
    alone = bootstrap_intervals(values[:, None], seed=1)[0]
    ours = found.method("learned").intervals["map@10"]
    assert (ours.mean, ours.low, ours.high) == pytest.approx((alone.mean, alone.low, alone.high))


def test_the_final_row_is_compared_with_every_other_on_the_same_users(
    found: Evaluation, lists: list[EvaluatedList]
) -> None:
    assert list(found.paired) == ["noise", "weak", "learned"]
    columns = {
        name: np.array([[measure(one.orders[name], one.targets)["ndcg@10"]] for one in lists]) for name in QUALITY
    }
    alone = paired_differences(columns["strong"], columns["weak"], seed=1)[0]
    ours = found.paired["weak"]
    assert (ours.difference, ours.low, ours.high) == pytest.approx((alone.difference, alone.low, alone.high))
    assert ours.p == alone.p
    assert ours.p_holm >= ours.p


def test_the_base_is_the_best_first_stage_row(found: Evaluation) -> None:
    assert found.base == "weak"
    assert found.mean("weak") > found.mean("noise")
    assert found.changes["ndcg@10"].difference == pytest.approx(found.paired["weak"].difference)


def test_a_change_is_told_in_per_cent_of_the_other_row(found: Evaluation) -> None:
    expected = 100 * (found.mean("strong") / found.mean("weak") - 1)
    assert found.change("weak") == pytest.approx(expected)
    assert expected > 0


def test_nothing_is_told_in_per_cent_of_nothing() -> None:
    lists = [replace(one, orders={"weak": (), "strong": one.targets}) for one in random_evaluated(5, seed=2)]
    found = evaluate(lists, EvaluationPlan(("weak",), final="strong"), CATALOGUE, POPULARITY)
    assert found.change("weak") is None
    assert json.dumps(found.to_dict(), allow_nan=False)


def test_a_ranker_that_only_repeats_the_learned_row_has_not_earned_its_cost(lists: list[EvaluatedList]) -> None:
    copied = [replace(one, orders={**one.orders, "strong": one.orders["learned"]}) for one in lists]
    found = evaluate(copied, PLAN, CATALOGUE, POPULARITY)
    assert found.beats_first_stage
    assert found.beats_learned_without is False
    assert found.p_values["learned"] == 1
    assert [one.good for one in found.verdicts] == [True, False]
    assert "strong is NOT significantly better" in found.verdicts[1].sentence


def test_a_ranker_that_adds_to_the_learned_row_has(found: Evaluation) -> None:
    assert found.beats_learned_without
    assert all(one.good and "NOT" not in one.sentence for one in found.verdicts)


def test_without_a_learned_row_nothing_is_said_of_it(lists: list[EvaluatedList]) -> None:
    found = evaluate(lists, replace(PLAN, learned_without=()), CATALOGUE, POPULARITY)
    assert found.beats_learned_without is None
    assert len(found.verdicts) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_ranker_of_the_same_worth_rarely_passes_as_better(seed: int) -> None:
    quality = {"weak": 0.8, "learned": 0.8, "strong": 0.8, "noise": 0.8}
    found = evaluate(random_evaluated(120, seed, quality), PLAN, CATALOGUE, POPULARITY)
    assert not (found.beats_first_stage and found.beats_learned_without), f"seed {seed}"


def test_the_same_seed_gives_the_same_numbers(found: Evaluation, lists: list[EvaluatedList]) -> None:
    plan = replace(PLAN, shared=(SharedField("author"),))
    assert evaluate(lists, plan, CATALOGUE, POPULARITY, seed=1) == found
    assert evaluate(lists, plan, CATALOGUE, POPULARITY, seed=2) != found


def test_chance_is_that_of_the_lists_own_numbers_of_targets(lists: list[EvaluatedList]) -> None:
    mixed = [replace(one, targets=one.targets[: 1 + number % 3]) for number, one in enumerate(lists)]
    expected = np.mean([expected_at_random(40, 1 + number % 3) for number in range(len(mixed))])
    assert evaluate(mixed, PLAN, CATALOGUE, POPULARITY).random_ndcg == pytest.approx(expected)


def test_the_json_document_keeps_its_keys(found: Evaluation) -> None:
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {
        *("users", "candidates", "catalogue", "methods", "best_first_stage", "reranked", "p_value", "p_values"),
        *("reranked_beats_every_first_stage_method", "random_ndcg@10"),
    } <= set(document)
    for row in document["methods"]:
        assert {"name", "ndcg@10", "map@10", "mrr", "recall@100", "recall@200"} <= set(row)
        low, high = row["intervals_95"]["ndcg@10"]
        assert low <= row["ndcg@10"] <= high
    assert document["p_value"] == document["p_values"]["weak"]
    assert (document["users"], document["candidates"], document["catalogue"]) == (200, 40, 40)


def test_the_json_document_tells_segments_paired_tests_and_what_lists_are_like(found: Evaluation) -> None:
    document = found.to_dict()
    assert set(document["paired"]["learned"]) == {"difference", "interval_95", "p", "p_holm"}
    assert set(document["base_to_reranked"]) == set(METRICS)
    assert set(document["beyond_accuracy"]["strong"]) == {"coverage", "diversity", "novelty"}
    groups = {one["group"] for one in document["segments"]}
    assert groups == {
        "history length, in items (quartiles)",
        "popularity of the target, in interactions (deciles)",
        "cold items",
        "same author as the history",
    }
    low, high = document["segments"][0]["interval_95"]
    assert low <= document["segments"][0]["difference"] <= high


def test_other_metrics_can_be_asked_for_when_the_deciding_one_is_among_them(lists: list[EvaluatedList]) -> None:
    found = evaluate(lists, replace(PLAN, metrics=("mrr@5", "ndcg@10")), CATALOGUE, POPULARITY)
    assert list(found.changes) == ["mrr@5", "ndcg@10"]
    assert found.paired["weak"].difference == pytest.approx(found.changes["ndcg@10"].difference)
    with pytest.raises(ListsInvalid, match=r"ndcg@10 is not among the metrics"):
        evaluate(lists, replace(PLAN, metrics=("mrr",)), CATALOGUE, POPULARITY)
