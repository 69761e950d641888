"""Every source alone, on worlds small enough to compute by hand."""

import numpy as np
import pytest

from gateway.catalog.relations import RelationSettings, relate_items
from tests.training.first_stage.by_hand import TITLES, hashed_vectors, known
from tests.training.histories import oldest_first
from training.first_stage.als import Als
from training.first_stage.cosine import Cosine
from training.first_stage.neighborhood import Neighborhood, ease, follows, item_knn
from training.first_stage.popular import Popularity
from training.first_stage.text import bm25


def test_item_knn_is_the_damped_cosine_of_users() -> None:
    nearness = item_knn(known([0, 1], [0, 1], [0, 2]), neighbors=5, shrink=1.0).toarray()
    assert nearness[0, 1] == pytest.approx(2 / (np.sqrt(3 * 2) + 1))
    assert nearness[0, 2] == pytest.approx(1 / (np.sqrt(3 * 1) + 1))
    assert nearness[1, 2] == 0
    assert not nearness.diagonal().any()


def test_item_knn_keeps_only_the_nearest_neighbors() -> None:
    nearness = item_knn(known([0, 1], [0, 1], [0, 2]), neighbors=1, shrink=0.0).toarray()
    assert nearness[0].nonzero()[0].tolist() == [1]


def test_ease_without_self_weights_solves_the_ridge_regression() -> None:
    world = known([0, 1], [0, 1, 2], [2, 3], [0, 3], [4, 1])
    ridge = 2.0
    weights = ease(world, ridge)
    liked = np.asarray(world.matrix().todense(), float)
    assert not weights.diagonal().any()
    for item in range(world.items):
        others = [place for place in range(world.items) if place != item]
        gram = liked[:, others].T @ liked[:, others] + ridge * np.eye(len(others))
        expected = np.linalg.solve(gram, liked[:, others].T @ liked[:, item])
        assert weights[others, item] == pytest.approx(expected, abs=1e-5)


def test_training_and_the_index_let_items_speak_alike() -> None:
    random = np.random.default_rng(5)
    histories = [random.permutation(6)[: random.integers(1, 6)] for _ in range(30)]
    world = known(*(one.tolist() for one in histories))
    indexed = relate_items(world.histories, world.items, RelationSettings(ridge=2.0)).sparse["ease"].toarray()
    assert np.maximum(ease(world, 2.0), 0.0) == pytest.approx(indexed, abs=2e-6), "the index keeps what is above 0"
    assert ease(world, 2.0).flags.c_contiguous, "products with sparse histories read it by rows"


def test_follows_knows_the_direction_and_the_distance() -> None:
    nearness = follows(known([0, 1, 2], [0, 1]), shrink=0.0).toarray()
    assert nearness[0, 1] > nearness[0, 2] > 0
    assert nearness[1, 0] == nearness[2, 0] == 0


def test_a_neighborhood_adds_up_over_the_history_the_newest_counting_most() -> None:
    nearness = np.arange(36, dtype=np.float32).reshape(6, 6)
    scores = Neighborhood("any", nearness, decay=0.5).score([oldest_first(0, 2), oldest_first()])
    assert scores[0].tolist() == (nearness[2] + 0.5 * nearness[0]).tolist()
    assert not scores[1].any()


def test_als_proposes_what_users_of_the_same_taste_liked() -> None:
    world = known(*[[0, 1, 4]] * 20, *[[2, 3]] * 20)
    source = Als(world, factors=4, alpha=10, iterations=10, seed=1)
    scores = source.score([oldest_first(0, 1), oldest_first(2)])
    assert scores[0, 4] > scores[0, 3]
    assert scores[1, 3] > scores[1, 4]


def test_als_gives_the_same_scores_for_the_same_seed() -> None:
    world = known([0, 1], [1, 2], [2, 3, 0])
    first, second = (Als(world, factors=3, alpha=5, iterations=3, seed=9).score([oldest_first(0)]) for _ in range(2))
    assert np.array_equal(first, second)


def test_bm25_finds_items_that_share_rare_words() -> None:
    scores = bm25(["dune desert planet", "dune messiah planet", "emma country house", "persuasion country house"])
    assert scores[0, 1] > 0
    assert scores[0, 2] == 0
    assert scores[2].argsort()[-2:].tolist() in ([2, 3], [3, 2])


def test_bm25_of_an_item_without_known_words_is_nothing() -> None:
    assert not bm25(["dune desert", "the", "emma house"])[1].any()


def test_bm25_of_texts_without_any_word_is_nothing() -> None:
    assert not bm25(["the", "7", "Z"]).any()


def test_cosine_takes_the_largest_or_the_mean_over_recent_items() -> None:
    vectors = hashed_vectors(TITLES)
    history = oldest_first(2, 0)
    near = vectors[[0, 2]] @ vectors.T
    assert Cosine("max", vectors, 5).score([history])[0] == pytest.approx(near.max(axis=0))
    assert Cosine("mean", vectors, 5, pool="mean").score([history])[0] == pytest.approx(near.mean(axis=0))
    assert Cosine("newest", vectors, 1).score([history])[0] == pytest.approx(near[0])
    assert not Cosine("nobody", vectors, 5).score([oldest_first()]).any()


def test_popularity_is_the_same_for_everybody() -> None:
    users = known([0, 1], [1]).popularity()
    assert Popularity(users).score([oldest_first(0), oldest_first(), oldest_first(5)]).tolist() == [users.tolist()] * 3
