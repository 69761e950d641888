"""What the profile of text_ann is made of."""

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.candidates.text_ann import TextAnn, TextAnnSettings
from gateway.domain.budget import Budget
from gateway.domain.errors import ModelUnavailable
from gateway.domain.values import CandidateQuery, HistoryEvent, Item
from gateway.encoding.item_text import item_text
from gateway.ports import Embeddings
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import film, indexed
from tests.fakes.embedders import HashingEmbedder, embed_words

TITLES = ["alpha beta", "beta gamma", "gamma delta", "delta epsilon", "epsilon zeta", "zeta alpha", "omega"]
ITEMS = [film(f"m{number}", title) for number, title in enumerate(TITLES)]


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
async def source(database: Database, embedder: HashingEmbedder) -> TextAnn:
    await PostgresItemStore(database).upsert([indexed(item) for item in ITEMS], Budget(30))
    return TextAnn(database, embedder, "hashing")


async def scores(source: TextAnn, *history: HistoryEvent, query: str = "") -> dict[str, float]:
    asked = CandidateQuery(100, history=history, query=query, include_history=True)
    return {one.item_id: one.score for one in await source.fetch(asked, Budget(10))}


def unit(vector: Embeddings) -> Embeddings:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def cosines(profile: Embeddings) -> dict[str, float]:
    return {item.item_id: float(embed_words(item_text(item.fields)) @ unit(profile)) for item in ITEMS}


def near(expected: dict[str, float]) -> object:
    return pytest.approx(expected, abs=1e-5)


async def test_the_profile_is_the_mean_of_the_three_most_recent_items(
    source: TextAnn, embedder: HashingEmbedder
) -> None:
    history = [HistoryEvent(f"m{number}", ITEMS[number].fields) for number in (0, 2, 4, 6)]
    expected = cosines(embed_words(TITLES[0]) + embed_words(TITLES[2]) + embed_words(TITLES[4]))
    assert await scores(source, *history) == near(expected)
    assert embedder.texts == []  # all three are stored


async def test_how_many_items_make_the_profile_is_a_setting(database: Database, source: TextAnn) -> None:
    narrow = TextAnn(database, HashingEmbedder(), "hashing", TextAnnSettings(history_items=1))
    assert await scores(narrow, HistoryEvent("m1"), HistoryEvent("m5")) == near(cosines(embed_words(TITLES[1])))


async def test_a_query_alone_is_the_profile(source: TextAnn, embedder: HashingEmbedder) -> None:
    assert await scores(source, query="gamma alpha") == near(cosines(embed_words("gamma alpha")))
    assert embedder.texts == ["gamma alpha"]


async def test_a_query_counts_as_much_as_the_whole_history(source: TextAnn) -> None:
    history = unit(embed_words(TITLES[0]) + embed_words(TITLES[2]))
    expected = cosines(history + embed_words("omega"))
    assert await scores(source, HistoryEvent("m0"), HistoryEvent("m2"), query="omega") == near(expected)


async def test_a_text_that_the_catalogue_does_not_know_is_embedded(source: TextAnn, embedder: HashingEmbedder) -> None:
    found = await scores(source, HistoryEvent("elsewhere", {"title": "zeta", "genres": "omega"}))
    assert embedder.texts == ["zeta, omega"]
    assert found == near(cosines(embed_words("zeta omega")))


async def test_a_callers_text_counts_even_under_an_id_of_the_catalogue(source: TextAnn) -> None:
    assert await scores(source, HistoryEvent("m0", {"title": "omega"})) == near(cosines(embed_words("omega")))


async def test_a_history_of_unknown_items_without_text_has_no_candidates(source: TextAnn) -> None:
    assert await scores(source, HistoryEvent("gone"), HistoryEvent("gone too")) == {}


async def test_unknown_items_leave_the_profile_to_the_known(source: TextAnn) -> None:
    assert await scores(source, HistoryEvent("gone"), HistoryEvent("m3")) == near(cosines(embed_words(TITLES[3])))


async def test_vectors_that_cancel_out_have_no_candidates(database: Database, source: TextAnn) -> None:
    class Opposites:
        async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
            return np.array([embed_words("alpha"), -embed_words("alpha")][: len(texts)], np.float32)

    source = TextAnn(database, Opposites(), "hashing")
    assert await scores(source, HistoryEvent("x", {"title": "x"}), HistoryEvent("y", {"title": "y"})) == {}


async def test_a_model_that_is_away_is_the_callers_to_handle(source: TextAnn, embedder: HashingEmbedder) -> None:
    embedder.fault = ModelUnavailable("no bi-encoder")
    with pytest.raises(ModelUnavailable):
        await scores(source, query="alpha")
    assert await scores(source, HistoryEvent("m0"))  # the history needs no model


async def test_it_fits_a_history_or_a_query(source: TextAnn) -> None:
    assert source.fits(CandidateQuery(1, history=(HistoryEvent("m0"),)))
    assert source.fits(CandidateQuery(1, query="alpha"))
    assert not source.fits(CandidateQuery(1))


def test_the_text_of_an_item_is_its_title_then_its_other_fields_by_name() -> None:
    fields = {"year": "1995", "genres": " crime \n drama ", "title": "Heat", "plot": ""}
    assert item_text(fields) == "Heat, crime drama, 1995"
    assert item_text(dict(reversed(fields.items()))) == item_text(fields)
    assert item_text(Item("x", {"body": "only text"}).fields) == "only text"
