"""The evaluation of served lists: rows as served, a verdict that needs significance, and a card that says the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.ranker.fused_score import LOGIT_FUSION, Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from tests.training.histories import oldest_first
from tests.training.lists_by_hand import random_lists
from tests.training.synthetic import synthetic_tables
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import SharedField
from training.evaluation.plan import CROSS_ENCODER, RERANKED
from training.evaluation.served import evaluate_served, plan_for, to_evaluated
from training.lists.served import BLEND, ServedList, read_served, write_served
from training.metrics.ranking import METRICS, expected_at_random, measure
from training.options.config import AlignOptions, TrainingConfig
from training.options.fit import FitOptions, SelectOptions, TeacherOptions
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase
from training.ranker.baselines import WITHOUT_LOGIT, read_baselines, write_baselines
from training.ranker.lists import fusion_input, order_by
from training.release.card import MOVIELENS, own_data, write_card

WEAK_ONLY = Fusion(LinearFusion((FusionTerm("log_score:weak", 1.0),)))
ITEMS = {f"i{number:02}": {"title": f"film {number}"} for number in range(30)}


def evaluation_of(lists: list[ServedList], learned: Fusion | None = WEAK_ONLY) -> Evaluation:
    fusions = {WITHOUT_LOGIT: learned} if learned else {}
    rows = [
        to_evaluated(
            one, oldest_first(), ITEMS, (), {name: order_by(fusion, given) for name, fusion in fusions.items()}, 1
        )
        for one, given in ((one, fusion_input(one, oldest_first(), ITEMS, {})) for one in lists)
    ]
    return evaluate(rows, plan_for(lists[0].by_source, (), fusions), ITEMS, {}, seed=1)


def evaluation(logit_quality: float, *, count: int = 150, seed: int = 1) -> Evaluation:
    return evaluation_of(random_lists(count, logit_quality=logit_quality, seed=seed))


def test_every_source_the_blend_and_the_learned_orders_have_a_row() -> None:
    found = evaluation(1.0)
    assert [one.name for one in found.methods] == ["weak", "noise", "blend", CROSS_ENCODER, WITHOUT_LOGIT, RERANKED]
    assert found.plan.first_stage == ("weak", "noise", "blend")
    assert found.plan.learned_without == (WITHOUT_LOGIT,)


def test_a_row_is_the_mean_of_its_lists() -> None:
    lists = random_lists(20, logit_quality=1.0, seed=3)
    found = evaluation_of(lists, None)
    for metric in METRICS:
        expected = np.mean([measure(one.by_source["weak"], one.targets)[metric] for one in lists])
        assert found.mean("weak", metric) == pytest.approx(expected)
    assert WITHOUT_LOGIT not in [one.name for one in found.methods]


def test_a_logit_that_knows_much_beats_the_first_stage() -> None:
    found = evaluation(3.0)
    assert found.base == "weak"
    assert found.beats_first_stage
    assert max(found.p_values[name] for name in found.plan.first_stage) < 0.01


def test_a_logit_that_knows_nothing_does_not() -> None:
    found = evaluation(0.0)
    assert not found.beats_first_stage
    assert found.mean(RERANKED) == pytest.approx(found.random_ndcg, abs=0.06)


def test_a_constant_logit_alone_is_worth_what_chance_is_worth() -> None:
    lists = [replace(one, logits=(0.5,) * 30) for one in random_lists(400, logit_quality=1.0, seed=4)]
    found = evaluation_of(lists)
    assert found.mean(CROSS_ENCODER) == pytest.approx(expected_at_random(30, 3), abs=0.03)
    assert found.mean(BLEND) > found.mean(CROSS_ENCODER) + 0.05


def test_a_constant_logit_served_in_first_stage_order_gains_nothing() -> None:
    lists = [replace(one, ranked=one.by_source[BLEND]) for one in random_lists(40, logit_quality=1.0, seed=4)]
    found = evaluation_of(lists, LOGIT_FUSION)
    assert found.paired[BLEND].difference == 0
    assert found.p_values[BLEND] == 1


def test_the_rows_of_a_data_set_know_its_histories_its_fields_and_its_popularity() -> None:
    dataset = Dataset(synthetic_tables(), Protocol(min_positives=12, held_out=3))
    lists = [serve_by_catalogue_order(dataset, user_id) for user_id in dataset.evaluated_users]
    found = evaluate_served(lists, dataset, {}, shared=(SharedField("genre"), SharedField("brand")))
    assert found.plan.first_stage == ("catalogue", BLEND, "same_genre")
    assert found.mean("same_genre") > found.mean(BLEND), "users of the made-up world stay in their genre"
    groups = {one.group for one in found.segments}
    assert {"same genre as the history", "popularity of the target, in interactions (deciles)"} <= groups
    assert "same brand as the history" not in groups
    assert found.catalogue == 96


def serve_by_catalogue_order(dataset: Dataset, user_id: str) -> ServedList:
    case = dataset.case(user_id, Phase.TEST)
    order = tuple(item.item_id for item in dataset.items if item.item_id not in case.seen)
    rows = {"catalogue": order, BLEND: order}
    return ServedList(user_id, case.targets, rows, (), (), order)


def test_the_card_says_what_was_measured_and_what_was_not() -> None:
    config = TrainingConfig(name="tiny")
    good, bad = evaluation(3.0), evaluation(0.0)
    assert "is significantly better than every" in write_card(config, MOVIELENS, good)
    assert "is not significantly better" in write_card(config, MOVIELENS, bad)
    assert "Not measured yet" in write_card(config, MOVIELENS, None)
    card = write_card(config, MOVIELENS, good)
    assert f"| {RERANKED} | {good.mean(RERANKED):.4f} [" in card
    assert f"| {good.p_values[WITHOUT_LOGIT]:.4f} |" in card
    assert "may not be redistributed" in card
    assert f"seed {config.seed}" in card


def test_the_card_tells_the_recipe_of_the_configuration_and_no_other(tmp_path: Path) -> None:
    distilled = TrainingConfig(name="a", align=AlignOptions(steps=7), fit=FitOptions(loss="distil", lists=10))
    assert "1. *Align* (7 steps" in write_card(distilled, MOVIELENS, None)
    assert "beliefs" in write_card(distilled, MOVIELENS, None)
    listwise = TrainingConfig(
        name="b",
        base_model=str(tmp_path),
        protocol=Protocol(min_positives=9, held_out=3),
        text=replace(distilled.text, history_fields=("title", "brand")),
        fit=FitOptions(loss="plistmle", epochs=2),
        select=SelectOptions(users=50),
    )
    card = " ".join(write_card(listwise, own_data("shop", synthetic_tables(users=3)), evaluation(3.0)).split())
    assert "1. *Fit* (loss `plistmle`, 2 times every positive" in card
    assert "best NDCG@10 on 50 valid lists" in card
    assert "Reads the title and brand of" in card
    assert "the last 3 positives" in card
    for absent in ("beliefs", "Align", "Apache-2.0", str(tmp_path.parent)):
        assert absent not in card
    taught = replace(listwise, teacher=TeacherOptions("run/cross_encoder"))
    assert "logits of a teacher" in write_card(taught, MOVIELENS, None)


def test_a_card_of_own_data_counts_it_and_asks_for_its_licence() -> None:
    facts = own_data("films", synthetic_tables(users=3))
    card = write_card(TrainingConfig(name="tiny"), facts, None)
    assert "# Cross-encoder for films" in card
    assert "3 users, 96 items, 66 interactions" in card
    assert "MovieLens" not in card


def test_served_lists_are_read_back_as_written(tmp_path: Path) -> None:
    lists = random_lists(5, logit_quality=1.0, seed=5)
    write_served(tmp_path / "served.jsonl", lists)
    assert read_served(tmp_path / "served.jsonl") == lists


def test_the_baselines_of_a_version_are_read_back_by_row(tmp_path: Path) -> None:
    assert read_baselines(tmp_path) == {}
    linear = Fusion(LinearFusion((FusionTerm("first_stage", 2.0),)))
    write_baselines(tmp_path, {WITHOUT_LOGIT: linear})
    assert read_baselines(tmp_path) == {WITHOUT_LOGIT: linear}
