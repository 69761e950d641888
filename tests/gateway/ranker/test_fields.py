"""What items' fields have in common with the history: values, words, numbers, series; what is missing is neutral."""

import math

import pytest

from tests.gateway.ranker.by_hand import column, texts

BOOKS = texts(
    [{"author": "Le Guin"}, {"author": "Gaiman, Pratchett"}, {"author": "Eco"}, {}],
    [{"author": "PRATCHETT"}, {"author": "le guin | Moore"}, None, {"author": "Pratchett; Baxter"}],
)
WEIGHTS = [1, 0.9, 0.81, 0.729]


def test_recency_is_that_of_the_most_recent_item_that_shares_a_value() -> None:
    assert column("recency:author", BOOKS) == [1 / 2, 1, 0, 0]


def test_a_share_counts_recent_items_more() -> None:
    expected = [WEIGHTS[1] / sum(WEIGHTS), (WEIGHTS[0] + WEIGHTS[3]) / sum(WEIGHTS), 0, 0]
    assert column("share:author", BOOKS) == pytest.approx(expected)


def test_a_count_is_logarithmic() -> None:
    assert column("count:author", BOOKS) == pytest.approx([math.log(2), math.log(3), 0, 0])


def test_last_looks_at_the_most_recent_item_only() -> None:
    assert column("last:author", BOOKS) == [0, 1, 0, 0]


def test_a_jaccard_index_is_shared_values_of_all_values() -> None:
    given = texts(
        [{"genres": "a|b|c"}, {"genres": "d"}, {}],
        [{"genres": "b|c|x"}, {"genres": "a,b,c"}, {}, {}, {"genres": "d"}, {"genres": "d"}],
    )
    assert column("jaccard_last:genres", given) == [2 / 4, 0, 0]
    assert column("jaccard_mean:genres", given) == pytest.approx([(2 / 4 + 1) / 5, 1 / 5, 0])
    short = texts([{"genres": "a"}], [{"genres": "a"}, {"genres": "b"}])
    assert column("jaccard_mean:genres", short) == [1 / 2]


def test_what_few_items_of_the_list_and_its_history_have_says_more_where_it_is_shared() -> None:
    given = texts(
        [{"genres": "a|b"}, {"genres": "a|c"}, {"genres": "d"}, {}],
        [{"genres": "a"}, {"genres": "b|a"}, {}, {"genres": "x"}],
    )
    a, b = math.log(1 + 8 / 4), math.log(1 + 8 / 2)
    assert column("rarity:genres", given) == pytest.approx([a + 0.9 * (a + b), 1.9 * a, 0, 0])
    assert column("rarity_max:genres", given) == pytest.approx([a + b, a, 0, 0])
    assert column("rarity_last:genres", given) == pytest.approx([a, a, 0, 0])
    for kind in ("rarity", "rarity_max", "rarity_last"):
        assert column(f"{kind}:genres", texts([{"genres": "a"}])) == [0]
        assert column(f"{kind}:*", given) == pytest.approx(column(f"{kind}:genres", given)), "of all fields"
        assert column(f"{kind}:*", texts([{}], [{}])) == [0]


def test_a_value_may_hold_blanks_and_empty_ones_are_none() -> None:
    given = texts([{"author": " Ursula K. Le Guin ;; "}, {"author": " , "}], [{"author": "ursula k. le guin"}, {}])
    assert column("jaccard_last:author", given) == [1, 0]


def test_words_are_split_at_blanks_without_their_punctuation() -> None:
    given = texts([{"title": "Dune (Dune, #2)"}, {"title": "The Dunes"}], [{"title": "dune"}])
    assert column("recency:title.words", given) == [1, 0]
    assert column("jaccard_last:title.words", given) == [1 / 2, 0]
    assert column("recency:title", given) == [0, 0]


def test_a_number_its_distance_from_the_recent_ones_and_from_the_last() -> None:
    years = ["", "1990", "x", "1980", "1970", "1960", "1950", "1000"]
    given = texts([{"year": "2000"}, {"year": "soon"}, {}], [{"year": year} for year in years])
    assert column("value:year", given) == [2000, 0, 0]
    assert column("gap:year", given) == [2000 - 1970, 0, 0]
    assert column("gap_last:year", given) == [10, 0, 0]
    assert column("gap:year", texts([{"year": "2000"}], [{}])) == [0]


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "1e300", "", "12a"])
def test_what_is_no_usable_number_counts_as_missing(text: str) -> None:
    assert column("value:year", texts([{"year": text}])) == [0]
    assert column("gap:year", texts([{"year": "5"}], [{"year": text}, {"year": "3"}])) == [2]


SERIES = texts(
    [
        {"series": "Dune", "volume": "3"},
        {"series": "Dune", "volume": "2"},
        {"series": "Emma", "volume": "3"},
        {"series": "", "volume": "3"},
        {"series": "Dune"},
        {"series": "Dune", "volume": "30"},
    ],
    [
        {"series": "Solaris", "volume": "2"},
        {"series": "", "volume": "2"},
        {"series": " dune ", "volume": "1"},
        {"series": "Dune", "volume": "2.0"},
        {"series": "Dune"},
    ],
)


def test_a_sequel_is_the_next_volume_of_a_series_in_the_history() -> None:
    assert column("sequel:series/volume", SERIES) == [1 / 4, 1 / 3, 0, 0, 0, 0]


def test_a_step_is_counted_from_the_furthest_volume_and_cut() -> None:
    assert column("series_step:series/volume", SERIES) == [1, 0, 0, 0, 0, 5]
    back = texts([{"series": "Dune", "volume": "1"}], [{"series": "Dune", "volume": "9"}])
    assert column("series_step:series/volume", back) == [-5]


def test_a_series_is_the_whole_text_not_a_part_of_it() -> None:
    given = texts([{"series": "Dune, part two", "volume": "2"}], [{"series": "Dune", "volume": "1"}])
    assert column("sequel:series/volume", given) == [0]


@pytest.mark.parametrize(
    "name",
    "recency:f share:f count:f last:f jaccard_last:f jaccard_mean:f value:f gap:f gap_last:f sequel:f/g series_step:f/g"
    " recency:f.words".split(),
)
def test_every_field_feature_is_neutral_without_history_and_without_the_field(name: str) -> None:
    assert column(name, texts([{}, {"title": "Dune"}], [{"f": "1", "g": "1"}])) == [0, 0]
    expected = [1.0 if name == "value:f" else 0.0]
    assert column(name, texts([{"f": "1", "g": "1"}])) == expected
    assert column(name, texts([{"f": "1", "g": "1"}], [None, {}])) == expected


def test_every_field_counts_together_and_a_value_only_within_its_field() -> None:
    given = texts(
        [{"author": "Le Guin", "title": "Dune"}, {"author": "Dune", "title": "Emma"}, {"year": "1965"}, {}],
        [{"title": "dune", "author": "Herbert"}, None, {"author": "LE GUIN", "year": "1965"}],
    )
    assert column("recency:*", given) == [1, 0, 1 / 3, 0]
    assert column("count:*", given) == pytest.approx([math.log(3), 0, math.log(2), 0])
    assert column("last:*", given) == [1, 0, 0, 0]
    assert column("jaccard_last:*", given) == pytest.approx([1 / 3, 0, 0, 0])


def test_words_of_every_field_count_together_too() -> None:
    given = texts([{"title": "the left hand", "plot": "of darkness"}, {"plot": "the left"}], [{"title": "Left, hand!"}])
    assert column("jaccard_last:*.words", given) == pytest.approx([2 / 5, 0])


@pytest.mark.parametrize("kind", ["recency", "share", "count", "last", "jaccard_last", "jaccard_mean"])
def test_of_items_with_one_field_all_fields_together_are_that_field(kind: str) -> None:
    assert column(f"{kind}:*", BOOKS) == column(f"{kind}:author", BOOKS)
    assert column(f"{kind}:*", texts([{}, {"title": "Dune"}], [{}])) == [0, 0]
    assert column(f"{kind}:*", texts([{"title": "Dune"}])) == [0]
