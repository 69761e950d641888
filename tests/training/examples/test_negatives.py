"""Negatives: from the ranks that are asked for, never what the user likes, never the positive in other words."""

from collections import Counter

import numpy as np
import pytest

from gateway.domain.values import Candidate
from tests.training.histories import oldest_first
from training.examples.near_duplicates import SemanticNeighbors
from training.examples.negatives import Knowledge, NegativeChooser
from training.lists.candidate_list import CandidateList
from training.options.fit import NegativeOptions

CATALOGUE = [f"i{number}" for number in range(100)]
POPULARITY = {item_id: 100 - place for place, item_id in enumerate(CATALOGUE)}
LIST = CandidateList(
    "u",
    oldest_first("i90", "i91"),
    ("i3", "i95"),
    tuple(Candidate(item_id, rank, 1.0 / rank) for rank, item_id in enumerate(CATALOGUE[:60], start=1)),
)
NO_POPULAR = NegativeOptions(count=5, ranges=((11, 20, 5),))


def choose(options: NegativeOptions, knowledge: Knowledge | None = None, *, seed: int = 1) -> list[str]:
    known = knowledge or Knowledge({"u": frozenset()}, POPULARITY)
    return NegativeChooser(options, known).choose(LIST, "i3", np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_every_range_gives_as_many_as_it_is_asked_for(seed: int) -> None:
    chosen = choose(NegativeOptions(count=8, ranges=((1, 10, 3), (21, 40, 5))), seed=seed)
    ranks = [CATALOGUE.index(item_id) + 1 for item_id in chosen]
    assert len(set(chosen)) == 8, f"seed {seed}"
    assert sorted(rank <= 10 for rank in ranks) == [False] * 5 + [True] * 3, f"seed {seed}"
    assert all(rank <= 10 or 21 <= rank <= 40 for rank in ranks), f"seed {seed}"


@pytest.mark.parametrize("seed", range(5))
def test_what_the_user_likes_at_any_time_is_never_a_negative(seed: int) -> None:
    liked = frozenset(f"i{number}" for number in range(10, 20))
    knowledge = Knowledge({"u": liked, "other": frozenset(CATALOGUE)}, POPULARITY)
    chosen = choose(NegativeOptions(count=70, ranges=((1, 60, 60),)), knowledge, seed=seed)
    assert not set(chosen) & (liked | {*LIST.history.oldest_first, *LIST.targets}), f"seed {seed}"
    assert set(chosen) & set(CATALOGUE[60:]), "what the ranges lack is filled from the catalogue"


def test_without_that_knowledge_a_liked_item_would_be_chosen() -> None:
    """The control of the test above."""
    assert set(choose(NO_POPULAR)) & {f"i{number}" for number in range(10, 20)}


def test_a_catalogue_that_is_too_small_gives_all_that_is_left() -> None:
    chosen = choose(NegativeOptions(count=500, ranges=()))
    assert set(chosen) == set(CATALOGUE) - {*LIST.history.oldest_first, *LIST.targets}


def test_popular_items_are_drawn_more_often_the_higher_the_power() -> None:
    drawn: dict[float, float] = {}
    for power in (0.0, 2.0):
        options = NegativeOptions(count=10, ranges=(), popular_power=power)
        counts = Counter(item_id for seed in range(60) for item_id in choose(options, seed=seed))
        drawn[power] = sum(counts[item_id] for item_id in CATALOGUE[:30]) / 600
    assert drawn[0.0] == pytest.approx(0.3, abs=0.06)
    assert drawn[2.0] > 0.55


def test_a_margin_leaves_out_candidates_that_score_like_the_positive() -> None:
    chosen = choose(NegativeOptions(count=6, ranges=((1, 60, 6),), margin=0.5))
    highest = 0.5 * (1 / 4)  # i3 stands at rank 4
    assert all(1 / (CATALOGUE.index(item_id) + 1) <= highest for item_id in chosen)


def test_a_margin_asks_nothing_where_the_positive_is_no_candidate() -> None:
    options = NegativeOptions(count=3, ranges=((1, 3, 3),), margin=0.99)
    known = Knowledge({}, POPULARITY)
    assert set(NegativeChooser(options, known).choose(LIST, "i95", np.random.default_rng(1))) == {"i0", "i1", "i2"}


def test_what_was_shown_and_not_wanted_comes_first() -> None:
    knowledge = Knowledge({}, POPULARITY, {"u": {"i70": 1.0, "i71": 0.5, "i72": 0.1, "i90": 1.0}})
    chosen = choose(NegativeOptions(count=5, shown=2, ranges=((1, 10, 10),)), knowledge)
    assert set(chosen[:2]) <= {"i70", "i71", "i72"}
    assert len(set(chosen)) == 5
    assert not {"i70", "i71", "i72"} & set(chosen[2:])


def test_what_was_shown_where_few_look_is_seldom_taken_for_refused() -> None:
    knowledge = Knowledge({}, POPULARITY, {"u": {"i70": 0.9, "i71": 0.1}})
    options = NegativeOptions(count=1, shown=1, ranges=())
    drawn = Counter(choose(options, knowledge, seed=seed)[0] for seed in range(1000))
    assert set(drawn) == {"i70", "i71"}
    assert abs(drawn["i70"] - 900) < 50, "seeds 0 to 999; the standard deviation is 9.5"


def test_near_duplicates_of_the_positive_are_refused_and_its_lookalikes_taken() -> None:
    duplicates = frozenset(CATALOGUE[4:50])
    alike = SemanticNeighbors({"i3": duplicates}, {"i3": ("i80", "i81", "i3", "i90")})
    options = NegativeOptions(count=10, ranges=((1, 60, 8),), semantic_neighbors=2, duplicate_similarity=0.9)
    chosen = choose(options, Knowledge({}, POPULARITY, semantic_neighbors=alike))
    assert not set(chosen) & duplicates
    assert {"i80", "i81"} <= set(chosen)


def test_the_same_seed_chooses_the_same() -> None:
    options = NegativeOptions()
    assert choose(options, seed=4) == choose(options, seed=4)
    assert choose(options, seed=4) != choose(options, seed=5)
