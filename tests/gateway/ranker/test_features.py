"""Features of the logit, the first stage, popularity and the history's length; names that cannot be computed."""

import math

import numpy as np
import pytest

from gateway.domain.values import HistoryEvent
from gateway.ranker.features import (
    HISTORY_EVENTS,
    FeatureUnknown,
    FusionInput,
    check_features,
    feature_family,
    feature_matrix,
    fields_read,
)
from tests.gateway.ranker.by_hand import candidate, column

LIST = [
    candidate("a", 1, knn=(1, 9.0), popular=(30, 7.0)),
    candidate("b", 2, popular=(1, -3.0)),
    candidate("c", 3),
]


def logits(*values: float) -> FusionInput:
    return FusionInput(LIST, dict(zip("abc", values, strict=True)))


def test_a_matrix_has_a_row_per_candidate_and_a_column_per_name_in_their_order() -> None:
    matrix = feature_matrix(["first_stage", "logit"], logits(0.5, -1.0, 2.0))
    assert matrix.tolist() == [[1 / 61, 0.5], [1 / 62, -1.0], [1 / 63, 2.0]]
    assert feature_matrix([], logits(0, 0, 0)).shape == (3, 0)
    assert feature_matrix(["logit", "logit_z", "recency:title"], FusionInput([], {})).shape == (0, 3)


def test_signals_of_a_source_are_zero_where_it_did_not_propose_the_item() -> None:
    given = FusionInput(LIST, {})
    assert column("reciprocal_rank:popular", given) == [60 / 90, 60 / 61, 0.0]
    assert column("score:popular", given) == [7.0, -3.0, 0.0]
    assert column("log_score:popular", given) == [math.log1p(7), 0.0, 0.0]
    assert column("score:away", given) == [0.0, 0.0, 0.0]


def test_how_many_sources_proposed_an_item_and_the_best_of_their_ranks() -> None:
    given = FusionInput(LIST, {})
    assert column("sources", given) == [2, 1, 0]
    assert column("best_rank", given) == [60 / 61, 60 / 61, 0.0]


def test_popularity_is_the_log_of_the_users_and_zero_where_unknown() -> None:
    given = FusionInput(LIST, {}, popularity={"a": 9, "c": 0})
    assert column("popularity", given) == pytest.approx([math.log(10), 0.0, 0.0])


def test_a_history_counts_up_to_what_serving_reads() -> None:
    events = [HistoryEvent(str(place), {"author": str(place)}) for place in range(HISTORY_EVENTS + 5)]
    assert column("history_length", FusionInput(LIST, {}, history=events[:2])) == [2, 2, 2]
    whole = FusionInput(LIST, {}, {"a": {"author": str(HISTORY_EVENTS - 1)}, "b": {"author": "52"}}, events)
    assert column("history_length", whole) == [HISTORY_EVENTS] * 3
    assert column("recency:author", whole) == [1 / HISTORY_EVENTS, 0, 0]


def test_the_logit_against_its_list_rank_gap_and_spread() -> None:
    given = logits(1.0, 3.0, -1.0)
    assert column("logit_rank", given) == [1 / 2, 1, 1 / 3]
    assert column("logit_gap", given) == [-2, 0, -4]
    spread = math.sqrt(8 / 3)
    assert column("logit_z", given) == pytest.approx([0, 2 / spread, -2 / spread])


def test_equal_logits_share_the_better_rank_and_have_no_spread() -> None:
    assert column("logit_rank", logits(2.0, 1.0, 2.0)) == [1, 1 / 3, 1]
    assert column("logit_z", logits(2.0, 2.0, 2.0)) == [0, 0, 0]


def test_a_logit_is_asked_for_only_by_features_that_read_it() -> None:
    feature_matrix(["first_stage", "popularity", "recency:title"], FusionInput(LIST, {}))
    with pytest.raises(KeyError):
        feature_matrix(["logit"], FusionInput(LIST, {"a": 1.0}))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("luck", "no feature 'luck'; there are logit, "),
        ("luck:popular", "no feature 'luck:popular'"),
        ("logit:popular", "is written logit"),
        ("score", "is written score:NAME"),
        ("recency:", "is written recency:NAME"),
        ("sequel:series", "is written sequel:SERIES/NUMBER"),
        ("sequel:series/", "is written sequel:SERIES/NUMBER"),
        ("", "no feature ''"),
    ],
)
def test_a_name_that_cannot_be_computed_is_an_error_not_a_zero(name: str, told: str) -> None:
    with pytest.raises(FeatureUnknown, match=told):
        check_features([name])
    with pytest.raises(FeatureUnknown):
        feature_matrix([name], logits(0, 0, 0))


def test_a_name_may_stand_once() -> None:
    check_features(["logit", "score:a", "score:b"])
    with pytest.raises(FeatureUnknown, match="'score:a' stands twice"):
        check_features(["score:a", "logit", "score:a"])


def test_features_belong_to_families() -> None:
    names = ["logit_z", "best_rank", "popularity", "last:author", "gap:year", "sequel:series/volume"]
    assert [feature_family(one) for one in names] == [
        "logit", "first_stage", "popularity", "values", "numbers", "series",
    ]  # fmt: skip


def test_a_list_is_computed_the_same_way_twice() -> None:
    given = logits(0.1, 0.2, 0.3)
    names = ["logit_z", "logit_rank", "best_rank"]
    assert np.array_equal(feature_matrix(names, given), feature_matrix(names, given))


def test_the_fields_that_features_read_are_those_they_are_called_by() -> None:
    names = ["logit", "popularity", "reciprocal_rank:popular", "relation_sum:ease", "recency:genres", "gap:year"]
    assert fields_read([*names, "sequel:series/number"]) == {"genres", "year", "series", "number"}
