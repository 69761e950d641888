"""The fused list of one user, from sources whose scores are written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.candidates.blend import BlendSettings, fuse
from gateway.domain.history import History
from gateway.domain.values import Candidate, SourceHit
from gateway.ranker.features import RANK_OFFSET
from tests.training.first_stage.by_hand import TITLES, hashed_vectors, known
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from training.first_stage.fold_first_stage import BATCH, FoldFirstStage, reciprocal_rank_sums
from training.first_stage.neighborhood import ease, follows, item_knn
from training.first_stage.offline_sources import Texts, fit_sources
from training.first_stage.text import bm25
from training.first_stage.training_interactions import Scores
from training.lists.candidate_list import CandidateList
from training.options.protocol import Protocol
from training.options.sources import SOURCES, SourceOptions
from training.protocol.dataset import Dataset, UserCase

DATASET = Dataset(synthetic_tables(users=40, items=96), Protocol(min_positives=12, held_out=3, min_history=3))
ITEMS = [item.item_id for item in DATASET.items]
OPTIONS = SourceOptions(fused=("one", "two"), fused_depth=96, depth=96)


@dataclass(frozen=True)
class ByHand:
    """A FittedSource that tells ``scores`` by item place, and 0 of all other items."""

    name: str
    scores: dict[int, float]

    def score(self, histories: Sequence[History[int]]) -> Scores:
        row = np.zeros(len(ITEMS), np.float32)
        row[list(self.scores)] = list(self.scores.values())
        return np.tile(row, (len(histories), 1))


def case(history: Sequence[int] = (), seen: Sequence[int] = (), user_id: str = "u") -> UserCase:
    liked, met = [ITEMS[place] for place in history], frozenset(ITEMS[place] for place in seen)
    return UserCase(user_id, oldest_first(*liked), met, (ITEMS[-1],))


def made(*sources: ByHand, options: SourceOptions = OPTIONS, of: UserCase | None = None) -> CandidateList:
    [found] = FoldFirstStage(DATASET, sources, options).lists([of or case()])
    return found


def candidate(item_id: str, rank: int, source: int) -> Candidate:
    """Of one source's list."""
    return Candidate(item_id, rank, 0.0, (SourceHit(str(source), rank, 0.0),))


def places(found: CandidateList) -> list[int]:
    return [ITEMS.index(one.item_id) for one in found.candidates]


@given(st.data())
def test_the_fused_score_of_whole_catalogues_is_that_of_the_gateways_lists(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12), label="items")
    orders = data.draw(st.lists(st.permutations(range(count)), min_size=1, max_size=5), label="orders")
    depths = [data.draw(st.integers(0, count), label="depth") for _ in orders]
    ranks = np.array([np.argsort(order) + 1 for order in orders])
    weights = [data.draw(st.sampled_from([0.5, 1.0, 2.0]), label="weight") for _ in orders]
    found = reciprocal_rank_sums(ranks, ranks <= np.array(depths)[:, None], np.array(weights))
    lists = [
        [candidate(f"i{place:02}", rank, source) for rank, place in enumerate(order[:depth], start=1)]
        for source, (order, depth) in enumerate(zip(orders, depths, strict=True))
    ]
    expected = {
        one.item_id: one.score
        for one in fuse(lists, count, BlendSettings(weights={str(source): one for source, one in enumerate(weights)}))
    }
    assert {f"i{place:02}": score for place, score in enumerate(found) if score} == pytest.approx(expected, rel=1e-15)


def test_an_item_of_two_sources_stands_above_the_best_of_one() -> None:
    found = made(ByHand("one", {1: 9, 2: 8}), ByHand("two", {3: 9, 2: 8}))
    assert places(found) == [2, 1, 3], "equal scores stay in the order of the catalogue"
    assert found.candidates[0].score == pytest.approx(2 / (RANK_OFFSET + 2))


def test_a_source_of_twice_the_weight_counts_twice() -> None:
    sources = [ByHand("one", {1: 9}), ByHand("two", {2: 9})]
    [found] = FoldFirstStage(DATASET, sources, OPTIONS, BlendSettings(weights={"two": 2.0})).lists([case()])
    assert places(found) == [2, 1]
    assert [one.score for one in found.candidates] == pytest.approx([2 / (RANK_OFFSET + 1), 1 / (RANK_OFFSET + 1)])


def test_places_are_kept_for_a_source_as_the_gateway_keeps_them() -> None:
    liked, cold = {place: 50.0 - place for place in range(30)}, {40: 9.0, 41: 9.0, 42: 7.0}
    blend = BlendSettings(weights={"two": 1e-6}, reserved={"two": 0.2})
    options = replace(OPTIONS, depth=10)
    [found] = FoldFirstStage(DATASET, [ByHand("one", liked), ByHand("two", cold)], options, blend).lists([case()])
    assert places(found) == [*range(8), 40, 41]
    assert [one.rank for one in found.candidates] == list(range(1, 11))


def test_equal_scores_of_a_source_share_a_rank_and_the_next_one_counts_them_all() -> None:
    found = made(ByHand("one", {4: 7, 5: 7, 6: 3}))
    assert [one.hits[0].rank for one in found.candidates] == [1, 1, 3]


def test_what_the_user_liked_or_only_saw_is_never_proposed_and_takes_no_rank() -> None:
    found = made(ByHand("one", {1: 9, 2: 8, 3: 7}), of=case(history=[1], seen=[2]))
    assert places(found) == [3]
    assert found.candidates[0].hits[0].rank == 1


def test_a_user_who_knows_the_whole_catalogue_gets_an_empty_list() -> None:
    assert made(ByHand("one", {1: 9}), of=case(seen=range(len(ITEMS)))).candidates == ()


def test_a_score_below_zero_is_a_word_and_zero_is_none() -> None:
    found = made(ByHand("one", {7: -2.0}), ByHand("two", {8: 1.0}))
    assert places(found) == [8, 7]
    assert [[hit.source for hit in one.hits] for one in found.candidates] == [["two"], ["one"]]


def test_ranks_behind_the_fused_depth_propose_nothing_but_are_told_as_hits() -> None:
    sources = ByHand("one", {1: 9, 2: 8}), ByHand("two", {2: 5})
    shallow = made(*sources, options=replace(OPTIONS, fused_depth=1))
    assert [one.score for one in shallow.candidates] == pytest.approx([1 / (RANK_OFFSET + 1)] * 2)
    assert [hit.rank for hit in shallow.candidates[1].hits] == [2, 1]


def test_a_source_that_is_not_fused_proposes_nothing() -> None:
    assert places(made(ByHand("one", {1: 1}), ByHand("other", {2: 9, 1: 3}))) == [1]


def test_a_list_ends_at_the_depth_or_where_no_source_says_anything() -> None:
    source = ByHand("one", {place: place + 1.0 for place in range(5)})
    assert places(made(source, options=replace(OPTIONS, depth=2))) == [4, 3]
    assert places(made(source, options=replace(OPTIONS, depth=1000))) == [4, 3, 2, 1, 0]


def test_more_cases_than_a_batch_keep_their_order_and_their_own_known_items() -> None:
    cases = [case(history=[number % 5], user_id=f"u{number}") for number in range(BATCH + 6)]
    done: list[int] = []
    source = ByHand("one", {place: 5.0 - place for place in range(5)})
    found = FoldFirstStage(DATASET, [source], OPTIONS).lists(cases, done.append)
    assert [one.user_id for one in found] == [one.user_id for one in cases]
    assert done == [BATCH, 6]
    assert all(places(one) == [place for place in range(5) if place != row % 5] for row, one in enumerate(found))


def test_no_case_makes_no_list() -> None:
    assert FoldFirstStage(DATASET, [ByHand("one", {1: 1})], OPTIONS).lists([]) == []


def test_a_source_alone_proposes_what_the_fused_list_leaves_out() -> None:
    found = made(ByHand("one", {4: 9, 5: 8}), ByHand("unfused", {7: 1, 6: 5, 5: -2}), options=replace(OPTIONS, depth=2))
    assert places(found) == [4, 5]
    assert found.by_source == {"one": (ITEMS[4], ITEMS[5]), "unfused": (ITEMS[6], ITEMS[7])}


def test_a_source_alone_ends_where_it_says_nothing_and_proposes_nothing_known() -> None:
    found = made(ByHand("one", {4: 9, 5: 8, 6: 7}), of=case(seen=[5]))
    assert found.by_source["one"] == (ITEMS[4], ITEMS[6])


def test_every_source_scores_a_user_without_history_with_finite_numbers_and_has_its_known_name() -> None:
    world = known([0, 1, 4], [1, 2], [3], [0, 4])
    sources = fit_sources(world, Texts(bm25(TITLES), hashed_vectors(TITLES)), SourceOptions(factors=2, iterations=2))
    assert tuple(one.name for one in sources) == SOURCES
    for one in sources:
        scores = one.score([oldest_first(), oldest_first(0)])
        assert scores.shape == (2, len(TITLES)), one.name
        assert np.isfinite(scores).all(), one.name
        assert one.name == "popular" or not scores[0].any(), f"{one.name} knows nothing of a new user"


def test_nobody_known_is_no_error_and_says_nothing() -> None:
    nobody = known()
    assert nobody.popularity().tolist() == [0] * len(TITLES)
    assert nobody.matrix().shape == (0, len(TITLES))
    assert known([], [2]).popularity().tolist() == [0, 0, 1, 0, 0, 0]


def test_users_of_a_single_item_tell_nothing_about_neighbours() -> None:
    world = known([0], [3], [0])
    assert item_knn(world, neighbors=5, shrink=1.0).nnz == 0
    assert follows(world, shrink=1.0).nnz == 0
    assert not ease(world, ridge=1.0).any()


def test_more_neighbours_than_items_keep_them_all() -> None:
    world = known([0, 1, 2], [1, 2, 3])
    assert (item_knn(world, 100, 1.0) != item_knn(world, 5, 1.0)).nnz == 0


def test_what_follows_beyond_the_window_is_not_counted() -> None:
    nearness = follows(known([0, 1, 2, 3, 4, 1, 5]), shrink=0.0).toarray()
    assert nearness[0, 4] > 0
    assert nearness[0, 5] == 0, "six positives later"
