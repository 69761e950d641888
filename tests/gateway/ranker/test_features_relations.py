"""Features of how candidates relate to the history: what nobody knows stays missing, whatever is computed of it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from gateway.domain.values import HistoryEvent
from gateway.ranker.features import HISTORY_EVENTS, FeatureUnknown, FusionInput, check_features, feature_family
from gateway.ranker.signals import SPARSE, ItemSignals
from tests.fakes.signals import cold, liked
from tests.gateway.ranker.by_hand import candidate, column

NAN = math.nan
EASE = SPARSE.index("ease")


def told(of_history: Mapping[str, Mapping[str, float]], liked_items: Sequence[str] = ()) -> FusionInput:
    """Candidates a, b, c and, liked by nobody, d; a history of items with weights of "ease", most recent first."""
    random = np.random.default_rng(1)
    signals: dict[str, ItemSignals] = {item_id: liked(random) for item_id in "abc"} | {"d": cold(random)}
    for item_id, weights in of_history.items():
        signals[item_id] = liked(
            random,
            {other: [weight if place == EASE else 0.0 for place in range(3)] for other, weight in weights.items()},
        )
    candidates = [candidate(item_id, rank) for rank, item_id in enumerate("abcd", start=1)]
    return FusionInput(candidates, {}, history=[HistoryEvent(item_id) for item_id in of_history], signals=signals)


GIVEN = told({"h1": {"a": 1.0, "b": 0.5}, "h2": {"a": 2.0}, "h3": {"b": 4.0}})


def same(found: Sequence[float], expected: Sequence[float]) -> bool:
    return found == pytest.approx(expected, nan_ok=True)


def test_a_sum_counts_older_items_less_and_a_recent_sum_still_less() -> None:
    assert same(column("relation_sum:ease", GIVEN), [1 + 0.9 * 2, 0.5 + 0.81 * 4, 0, NAN])
    assert same(column("relation_recent:ease", GIVEN), [1 + 0.6 * 2, 0.5 + 0.36 * 4, 0, NAN])


def test_the_strongest_relation_and_those_to_single_items_of_the_history() -> None:
    assert same(column("relation_max:ease", GIVEN), [2, 4, 0, NAN])
    assert same(column("relation_at:ease/0", GIVEN), [1, 0.5, 0, NAN])
    assert same(column("relation_at:ease/2", GIVEN), [0, 4, 0, NAN])
    assert same(column("relation_at:ease/3", GIVEN), [NAN] * 4), "beyond the history"


def test_the_order_by_a_relation_counts_only_what_is_known_and_equal_sums_share_a_rank() -> None:
    assert same(column("relation_order:ease", GIVEN), [60 / 62, 60 / 61, 60 / 63, NAN])
    equal = told({"h1": {"a": 1.0, "b": 1.0}})
    assert same(column("relation_order:ease", equal), [60 / 61, 60 / 61, 60 / 63, NAN])


def test_a_share_is_of_the_largest_sum_of_the_list() -> None:
    sums = [2.8, 3.74, 0]
    assert same(column("relation_share:ease", GIVEN), [*(one / 3.74 for one in sums), NAN])
    assert same(column("relation_share:follows", GIVEN), [0, 0, 0, NAN]), "where nothing is above 0"


def test_an_item_of_the_history_that_nobody_liked_adds_nothing() -> None:
    given = told({"h1": {"a": 1.0}, "h3": {"b": 1.0}})
    with_stranger = FusionInput(
        given.candidates, {}, history=[HistoryEvent("stranger"), *given.history], signals=given.signals
    )
    assert same(column("relation_sum:ease", with_stranger), [0.9, 0.81, 0, NAN])
    assert same(column("relation_at:ease/0", with_stranger), [NAN] * 4)


@pytest.mark.parametrize("kind", ["sum", "recent", "max", "order", "share"])
def test_without_history_or_signals_every_relation_is_missing(kind: str) -> None:
    nobody = FusionInput(GIVEN.candidates, {}, signals=GIVEN.signals)
    nothing = FusionInput(GIVEN.candidates, {}, history=GIVEN.history)
    for given in (nobody, nothing):
        assert same(column(f"relation_{kind}:ease", given), [NAN] * 4)
    assert column(f"relation_{kind}:ease", FusionInput([], {}, history=GIVEN.history, signals=GIVEN.signals)) == []


def test_the_text_relates_items_that_nobody_liked() -> None:
    assert not any(map(math.isnan, column("relation_sum:text", GIVEN)))
    assert same(column("relation_sum:near", GIVEN)[3:], [NAN])


def test_an_item_is_cold_when_nobody_liked_it_or_nobody_knows_it() -> None:
    assert column("cold", GIVEN) == [0, 0, 0, 1]
    assert column("cold", FusionInput(GIVEN.candidates, {})) == [1, 1, 1, 1]


def test_the_order_of_popularity_is_that_of_the_list() -> None:
    given = FusionInput(GIVEN.candidates, {}, popularity={"a": 3, "b": 9, "c": 3})
    assert column("popularity_order", given) == pytest.approx([60 / 62, 60 / 61, 60 / 62, 60 / 64])


def test_relations_look_no_further_back_than_serving_reads() -> None:
    long = told({f"h{place}": {"a": 1.0} for place in range(HISTORY_EVENTS + 5)})
    expected = sum(0.9**place for place in range(HISTORY_EVENTS))
    assert column("relation_sum:ease", long)[0] == pytest.approx(expected)


def test_relations_are_a_family_and_their_places_have_to_be_named() -> None:
    assert [feature_family(name) for name in ("relation_sum:ease", "relation_at:text/0", "cold")] == [
        "relations",
        "relations",
        "cold",
    ]
    for name in ("relation_sum", "relation_at:ease", "relation_at:ease/"):
        with pytest.raises(FeatureUnknown):
            check_features([name])
