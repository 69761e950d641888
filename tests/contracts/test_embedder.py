"""The contract of every Embedder: a unit vector a text, each to its own text."""

from collections.abc import AsyncIterator
from functools import partial

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import DeadlineTooShort
from gateway.encoding.embedding import open_embedding
from gateway.ports import Embedder
from gateway.scoring.embedder import BATCH_TEXTS, BiEncoder
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import TritonConnection
from gateway.store.schema import EMBEDDING_DIMENSION
from tests.fakes.embedders import HashingEmbedder
from tests.paths import MODEL_REPOSITORY

TEXTS = ["space station", "a quiet drama", "", "日本語 🎬", "space station at war, and a very long title " * 20]
TOLERANCE = 1e-2
"""Of one component: a text is rounded to int8 together with the texts of its batch."""


@pytest.fixture
def fake() -> Embedder:
    return HashingEmbedder()


@pytest.fixture
async def shipped(triton: str) -> AsyncIterator[Embedder]:
    """The model that ships, on a real Triton."""
    connection = TritonConnection(triton)
    endpoints = Endpoints([connection])
    endpoints.admit(endpoints.all[0])
    yield BiEncoder(endpoints, partial(open_embedding, MODEL_REPOSITORY / "bi_encoder" / "1"), EMBEDDING_DIMENSION)
    await connection.close()


@pytest.fixture(params=["fake", pytest.param("shipped", marks=pytest.mark.whole)])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """The embedder under contract."""
    found: Embedder = request.getfixturevalue(request.param)
    return found


async def test_every_text_has_a_unit_vector(embedder: Embedder) -> None:
    vectors = await embedder.embed(TEXTS, Budget(60))
    assert vectors.shape == (len(TEXTS), EMBEDDING_DIMENSION)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)


async def test_vectors_stay_with_their_texts_in_any_order_and_however_many(embedder: Embedder) -> None:
    expected = await embedder.embed(TEXTS, Budget(60))
    many = [number * 7 % len(TEXTS) for number in range(2 * BATCH_TEXTS + 3)]
    found = await embedder.embed([TEXTS[number] for number in many], Budget(60))
    np.testing.assert_allclose(found, expected[many], atol=TOLERANCE)


async def test_a_text_is_nearer_to_one_of_the_same_words_than_to_another(embedder: Embedder) -> None:
    station, war, drama = await embedder.embed(["space station", "war at the space station", "a drama"], Budget(60))
    assert station @ war > station @ drama


async def test_no_text_has_no_vector(embedder: Embedder) -> None:
    assert len(await embedder.embed([], Budget(60))) == 0


async def test_without_time_there_is_no_vector(embedder: Embedder) -> None:
    with pytest.raises(DeadlineTooShort):
        await embedder.embed(TEXTS, Budget(0))
