"""The evaluation: rows as served, a verdict that needs significance, and a card that says the same."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.encoding.spec import LOGIT_ONLY, FusionSpec, FusionTerm
from tests.training.lists_by_hand import random_lists
from tests.training.synthetic import synthetic_tables
from training.card import MOVIELENS, own_data, results_table, write_card
from training.config import TrainingConfig
from training.evaluate import CROSS_ENCODER, RERANKED, WITHOUT_LOGIT, Evaluation, evaluate
from training.fusion_baseline import newest_baseline, write_baseline
from training.metrics import METRICS, measure
from training.served_lists import read_served, write_served

WEAK_ONLY = FusionSpec((FusionTerm("log_score:weak", 1.0),))


def evaluation(logit_quality: float, *, count: int = 150, seed: int = 1) -> Evaluation:
    return evaluate(random_lists(count, logit_quality=logit_quality, seed=seed), WEAK_ONLY, catalogue=30)


def test_every_source_the_blend_and_the_learned_orders_have_a_row() -> None:
    found = evaluation(1.0)
    assert [one.name for one in found.methods] == ["weak", "noise", "blend", CROSS_ENCODER, WITHOUT_LOGIT, RERANKED]
    assert found.first_stage_methods == ["weak", "noise", "blend"]


def test_a_row_is_the_mean_of_its_lists() -> None:
    lists = random_lists(20, logit_quality=1.0, seed=3)
    found = evaluate(lists, None, catalogue=30)
    for metric in METRICS:
        expected = np.mean([measure(one.by_source["weak"], one.targets)[metric] for one in lists])
        assert found.mean("weak", metric) == pytest.approx(expected)
    assert WITHOUT_LOGIT not in [one.name for one in found.methods]


def test_a_logit_that_knows_much_beats_the_first_stage() -> None:
    found = evaluation(3.0)
    assert found.best_first_stage == "weak"
    assert found.beats_first_stage
    assert max(found.p_values[name] for name in found.first_stage_methods) < 0.01


def test_a_logit_that_knows_nothing_does_not() -> None:
    found = evaluation(0.0)
    assert not found.beats_first_stage
    assert found.mean(RERANKED) == pytest.approx(found.random_ndcg, abs=0.06)


def test_a_constant_logit_ranks_in_first_stage_order_and_gains_nothing() -> None:
    lists = [
        replace(one, logits=(0.5,) * len(one.logits), ranked=one.by_source["blend"])
        for one in random_lists(40, logit_quality=1.0, seed=4)
    ]
    found = evaluate(lists, LOGIT_ONLY, catalogue=30)
    assert found.mean(CROSS_ENCODER) == found.mean("blend")
    assert found.p_values["blend"] == 1


def test_the_json_document_has_the_promised_keys() -> None:
    document = json.loads(json.dumps(evaluation(2.0).to_dict()))
    assert {"methods", "best_first_stage", "reranked", "p_value"} <= set(document)
    for row in document["methods"]:
        assert {"name", "ndcg@10", "map@10", "mrr", "recall@100", "recall@200"} <= set(row)
        low, high = row["intervals_95"]["ndcg@10"]
        assert low <= row["ndcg@10"] <= high


def test_the_card_says_what_was_measured_and_what_was_not() -> None:
    config = TrainingConfig(name="tiny")
    good, bad = evaluation(3.0), evaluation(0.0)
    assert "is significantly better than every" in write_card(config, MOVIELENS, good)
    assert "is not significantly better" in write_card(config, MOVIELENS, bad)
    assert "Not measured yet" in write_card(config, MOVIELENS, None)
    assert f"| {good.mean(RERANKED):.4f} [" in results_table(good)
    card = write_card(config, MOVIELENS, good)
    assert "may not be redistributed" in card
    assert f"seed {config.seed}" in card


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


def test_the_newest_version_has_the_baseline_that_counts(tmp_path: Path) -> None:
    assert newest_baseline(tmp_path) is None
    for version in ("2", "10"):
        folder = tmp_path / version / "encoding"
        folder.mkdir(parents=True)
        write_baseline(folder, FusionSpec((FusionTerm("first_stage", float(version)),)))
    assert newest_baseline(tmp_path) == FusionSpec((FusionTerm("first_stage", 10.0),))
