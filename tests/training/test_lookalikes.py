"""Lookalikes of a catalogue by a real bi-encoder: the same text twice, nearly the same, and others."""

from pathlib import Path

import pytest
from sentence_transformers import SentenceTransformer

from training.lookalikes import Lookalikes, find_lookalikes
from training.model import base_model_path
from training.options import BUNDLED_MODEL

TEXTS = {
    "alien": "Alien, 1979, Horror Sci-Fi",
    "alien again": "Alien, 1979, Horror Sci-Fi",
    "alien cut": "Alien (1979), Horror, Sci-Fi",
    "aliens": "Aliens, 1986, Action Sci-Fi",
    "emma": "Emma, 1996, Romance Comedy",
    "toy story": "Toy Story, 1995, Animation",
}


@pytest.fixture(scope="module")
def lookalikes() -> Lookalikes:
    embedder = SentenceTransformer(str(Path(base_model_path(BUNDLED_MODEL))), device="cpu")
    return find_lookalikes(TEXTS, embedder, 0.95)


def test_equal_and_nearly_equal_texts_are_duplicates(lookalikes: Lookalikes) -> None:
    assert lookalikes.duplicates["alien"] == {"alien again", "alien cut"}
    assert lookalikes.duplicates["alien again"] == {"alien", "alien cut"}


def test_an_item_is_no_duplicate_of_another_film(lookalikes: Lookalikes) -> None:
    assert lookalikes.duplicates["emma"] == frozenset()
    assert lookalikes.duplicates["aliens"] == frozenset()


def test_the_nearest_other_text_is_the_first_lookalike(lookalikes: Lookalikes) -> None:
    assert lookalikes.similar["alien"][0] == "aliens"
    assert not {"alien", "alien again", "alien cut"} & set(lookalikes.similar["alien"])


def test_a_catalogue_of_one_text_has_no_lookalikes() -> None:
    embedder = SentenceTransformer(str(Path(base_model_path(BUNDLED_MODEL))), device="cpu")
    found = find_lookalikes({"a": "Emma", "b": "Emma"}, embedder, 0.95)
    assert found.duplicates == {"a": {"b"}, "b": {"a"}}
    assert found.similar == {"a": (), "b": ()}
