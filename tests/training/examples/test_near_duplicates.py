"""SemanticNeighbors of a catalogue by a real bi-encoder: the same text twice, nearly the same, and others."""

from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from training.examples.near_duplicates import SemanticNeighbors, find_lookalikes
from training.model.cross_encoder import base_model_path
from training.options.fit import BUNDLED_MODEL

TEXTS = {
    "alien": "Alien, 1979, Horror Sci-Fi",
    "alien again": "Alien, 1979, Horror Sci-Fi",
    "alien cut": "Alien (1979), Horror, Sci-Fi",
    "aliens": "Aliens, 1986, Action Sci-Fi",
    "emma": "Emma, 1996, Romance Comedy",
    "toy story": "Toy Story, 1995, Animation",
}


@pytest.fixture(scope="module")
def semantic_neighbors() -> SemanticNeighbors:
    embedder = SentenceTransformer(str(Path(base_model_path(BUNDLED_MODEL))), device="cpu")
    return find_lookalikes(TEXTS, embedder, 0.95)


def test_equal_and_nearly_equal_texts_are_duplicates(semantic_neighbors: SemanticNeighbors) -> None:
    assert semantic_neighbors.duplicates["alien"] == {"alien again", "alien cut"}
    assert semantic_neighbors.duplicates["alien again"] == {"alien", "alien cut"}


def test_an_item_is_no_duplicate_of_another_film(semantic_neighbors: SemanticNeighbors) -> None:
    assert semantic_neighbors.duplicates["emma"] == frozenset()
    assert semantic_neighbors.duplicates["aliens"] == frozenset()


def test_the_nearest_other_text_is_the_first_lookalike(semantic_neighbors: SemanticNeighbors) -> None:
    assert semantic_neighbors.similar["alien"][0] == "aliens"
    assert not {"alien", "alien again", "alien cut"} & set(semantic_neighbors.similar["alien"])


def test_a_catalogue_of_one_text_has_no_lookalikes() -> None:
    embedder = SentenceTransformer(str(Path(base_model_path(BUNDLED_MODEL))), device="cpu")
    found = find_lookalikes({"a": "Emma", "b": "Emma"}, embedder, 0.95)
    assert found.duplicates == {"a": {"b"}, "b": {"a"}}
    assert found.similar == {"a": (), "b": ()}
