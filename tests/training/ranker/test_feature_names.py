"""Features that trees get when nobody names them: all can be computed, and those of any catalogue name no field."""

import pytest

from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FusionInput, check_features, feature_family, feature_matrix
from gateway.ranker.signals import RELATIONS, SMOOTH
from training.ranker.feature_names import NEWEST, field_features, own_features, signal_features

ITEMS = [
    {"title": "Dune", "series": "Dune", "volume": "1"},
    {"title": "Dune Messiah", "series": "Dune", "volume": "2", "year": "1969"},
]


@pytest.mark.parametrize("names", [signal_features(), own_features(ITEMS), own_features([])])
def test_all_names_can_be_computed_and_stand_once(names: tuple[str, ...]) -> None:
    check_features(names)
    given = FusionInput(
        [Candidate("a", 1, 0.1), Candidate("b", 2, 0.05)],
        {},
        items=dict(zip("ab", ITEMS, strict=True)),
        history=[HistoryEvent("h", ITEMS[0])],
    )
    assert feature_matrix(names, given).shape == (2, len(names))


def test_features_of_any_catalogue_name_no_field_no_source_and_no_logit() -> None:
    names = signal_features()
    assert {feature_family(name) for name in names} == {"popularity", "history_length", "cold", "relations", "values"}
    assert {name.partition(":")[2] for name in names if feature_family(name) == "values"} == {"*", "*.words"}
    related = {name.partition(":")[2].partition("/")[0] for name in names if feature_family(name) == "relations"}
    assert related == set(RELATIONS)


def test_each_relation_has_its_sums_and_its_newest_items() -> None:
    names = signal_features()
    for relation in RELATIONS:
        assert [name for name in names if name.startswith("relation_at") and f":{relation}/" in name] == [
            f"relation_at:{relation}/{place}" for place in range(NEWEST)
        ]
        assert {f"relation_{kind}:{relation}" for kind in ("sum", "recent", "max", "order", "recent_order")} <= set(
            names
        )
        for kind in ("share", "recent_share", "max_share"):
            assert (f"relation_{kind}:{relation}" in names) == (relation not in SMOOTH)


def test_own_features_are_those_and_the_fields_of_the_items() -> None:
    names = own_features(ITEMS)
    assert names[: len(signal_features())] == signal_features()
    assert set(field_features(ITEMS)) <= set(names)
    assert {
        "gap:year",
        "recency:series",
        "share:title.words",
        "sequel:series/volume",
        "series_step:series/volume",
    } <= set(names)
    assert not any("series/volume" in name for name in own_features([{"series": "Dune"}]))
    assert own_features([]) == signal_features()


def test_a_field_whose_values_no_two_items_share_has_no_features_of_values_and_its_words_may() -> None:
    names = field_features([{"title": "The Hobbit"}, {"title": "The Rose"}])
    kinds = ("share", "jaccard_last", "jaccard_mean", "rarity", "rarity_max", "rarity_last")
    assert names == [f"{kind}:title.words" for kind in kinds]


def test_words_that_are_the_values_are_not_told_twice() -> None:
    names = field_features([{"genre": "drama|war"}, {"genre": "drama"}])
    assert "recency:genre" in names
    assert not any(name.endswith(".words") for name in names)


def test_a_few_slips_leave_a_field_of_numbers_one_of_numbers() -> None:
    years = [{"year": str(1900 + number)} for number in range(19)]
    assert field_features([*years, {"year": "unknown"}]) == ["value:year", "gap:year", "gap_last:year"]
    assert field_features([*years[:10], {"year": "unknown"}, {"year": "unknown"}])[0] == "recency:year"
