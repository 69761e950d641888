"""Lists to a table: first-stage order, the gateway's features, targets that are not in the list still counted."""

import numpy as np
import pytest

from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FeatureUnknown, FusionInput, feature_matrix
from gateway.ranker.fused_score import LOGIT_FUSION
from tests.training.histories import oldest_first
from tests.training.lists_by_hand import served_list
from tests.training.synthetic import synthetic_tables
from training.options.config import FusionOptions
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase
from training.ranker.feature_names import feature_names
from training.ranker.lists import fusion_input, order_by, scored_lists, users_by_item
from training.ranker.table import ScoredList, tabulate

FIRST = FusionInput([Candidate("b", 2, 0.2), Candidate("a", 1, 0.3)], {"a": 1.0, "b": 2.0})
SECOND = FusionInput([Candidate("c", 1, 0.1)], {"c": 0.0})
LISTS = [
    ScoredList("u1", FIRST, frozenset({"a", "z"})),
    ScoredList("empty", FusionInput([], {}), frozenset({"a"})),
    ScoredList("u2", SECOND, frozenset({"q"})),
]


def test_rows_stand_list_by_list_in_first_stage_order() -> None:
    table = tabulate(LISTS, ["logit", "first_stage"])
    assert table.matrix.tolist() == [[1.0, 0.3], [2.0, 0.2], [0.0, 0.1]]
    assert table.is_target.tolist() == [True, False, False]
    assert (table.users, table.sizes.tolist(), table.starts.tolist()) == (("u1", "u2"), [2, 1], [0, 2])
    assert (table.targets.tolist(), table.hits.tolist()) == ([2, 1], [1, 0])


def test_features_and_lists_can_be_chosen() -> None:
    table = tabulate(LISTS, ["logit", "first_stage", "logit_z"])
    assert table.without_logit().names == ("first_stage",)
    assert table.with_features(["first_stage", "logit"]).matrix[:, 1].tolist() == [1.0, 2.0, 0.0]
    one = table.of_lists(np.array([False, True]))
    assert (one.users, one.matrix.tolist(), one.hits.tolist()) == (("u2",), [[0.0, 0.1, 0.0]], [0])
    with pytest.raises(ValueError, match="popularity"):
        table.with_features(["popularity"])
    with pytest.raises(FeatureUnknown):
        tabulate(LISTS, ["luck"])


def test_a_served_list_knows_texts_history_and_popularity_of_its_moment() -> None:
    dataset = Dataset(synthetic_tables(users=24), Protocol(min_positives=12, held_out=3))
    case = dataset.cases(Phase.TEST)[0]
    items = [item.item_id for item in dataset.items[:3]]
    served = served_list(case.user_id, {"knn": dict.fromkeys(items, 1.0)}, dict.fromkeys(items, 0.5), case.targets)
    [found] = scored_lists([served], dataset, Phase.TEST)
    assert [event.item_id for event in found.given.history] == list(case.history.newest_first)
    assert found.given.history[0] == HistoryEvent(
        case.history.oldest_first[-1], dataset.fields[case.history.oldest_first[-1]]
    )
    liked = [row for row in dataset.interactions(Phase.TEST) if row.weight > 0 and row.item_id == items[0]]
    assert found.given.popularity.get(items[0], 0) == len({row.user_id for row in liked})
    assert found.targets == frozenset(case.targets)
    assert feature_matrix(["history_length"], found.given)[0, 0] == len(case.history)


def test_popularity_counts_users_once_and_knows_nothing_of_later_interactions() -> None:
    dataset = Dataset(synthetic_tables(users=24), Protocol(min_positives=12, held_out=3))
    valid, test = users_by_item(dataset, Phase.VALID), users_by_item(dataset, Phase.TEST)
    assert all(valid.get(item_id, 0) <= test[item_id] for item_id in test)
    assert sum(valid.values()) < sum(test.values())


def test_the_order_of_a_fusion_is_the_gateway_s() -> None:
    served = served_list("u", {"knn": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"a": 0.0, "b": 1.0, "c": 0.0}, ["a"])
    assert order_by(LOGIT_FUSION, fusion_input(served, oldest_first(), {}, {})) == ("b", "a", "c")


def test_a_linear_fusion_gets_the_first_stage_and_trees_get_the_fields_too() -> None:
    items = [{"title": "Dune", "year": "1965", "genre": "war"}, {"title": "Dune 2", "genre": "war"}, {"blank": " "}]
    linear = feature_names(FusionOptions(), ["knn"], items)
    assert linear == ("logit", "first_stage", "reciprocal_rank:knn", "log_score:knn")
    trees = feature_names(FusionOptions(kind="lambdamart"), ["knn"], items)
    assert trees[:2] == linear[:2]
    assert {"popularity", "recency:genre", "jaccard_last:title.words", "gap:year"} <= set(trees)
    assert not any("blank" in name or name == "recency:year" for name in trees)


def test_named_features_are_taken_as_they_are_with_the_logit_first() -> None:
    named = FusionOptions(features=("popularity", "last:author"))
    assert feature_names(named, ["knn"]) == ("logit", "popularity", "last:author")
    own = FusionOptions(kind="lambdamart", features=("popularity", "logit_rank"))
    assert feature_names(own, ["knn"]) == ("logit_rank", "popularity")
