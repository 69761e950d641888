"""The bi-encoder's and the cross-encoder's side of an inference: what is asked for, and in which portions."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelAnswerInvalid, ModelUnavailable
from gateway.domain.values import EncodedPair
from gateway.encoding.embedding import EmbeddingBundle
from gateway.encoding.text_encoder import TextEncoder, TokenIds
from gateway.scoring.embedder import BATCH_TEXTS, BiEncoder
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import Inference, Tensor
from tests.fakes.connections import FakeConnection
from tests.fakes.tokenizers import bert_like, save
from tests.gateway.scoring.verification_rig import Rig

LONG_S = 10.0


class Lengths(FakeConnection):
    """Answers [tokens of the text, rows of the request]; fails from request ``fails_at`` on."""

    fails_at = 99

    async def infer(self, inference: Inference) -> Tensor:
        self.inferences.append(inference)
        if len(self.inferences) >= self.fails_at:
            raise ModelUnavailable("away")
        lengths = inference.inputs["attention_mask"].sum(axis=1)
        vectors: Tensor = np.stack([lengths, np.full_like(lengths, len(lengths))], axis=1).astype(np.float32)
        return vectors


def files_of(encoder: TextEncoder) -> Callable[[], EmbeddingBundle]:
    return lambda: EmbeddingBundle(encoder, ())


@pytest.fixture
def connection() -> Lengths:
    return Lengths("triton-a", "f")


@pytest.fixture
def embedder(connection: Lengths, tmp_path: Path) -> BiEncoder:
    endpoints = Endpoints([connection])
    endpoints.admit(endpoints.all[0])
    return BiEncoder(endpoints, files_of(TextEncoder(save(bert_like(), tmp_path))), width=2)


async def test_many_texts_travel_in_portions_and_come_back_in_their_order(
    connection: Lengths, embedder: BiEncoder
) -> None:
    texts = ["toy " * (number % 7) for number in range(2 * BATCH_TEXTS + 1)]
    vectors = await embedder.embed(texts, Budget(5.0))
    assert vectors[:, 0].tolist() == [number % 7 + 2 for number in range(len(texts))], "two special tokens each"
    assert [len(one.inputs["input_ids"]) for one in connection.inferences] == [BATCH_TEXTS, BATCH_TEXTS, 1]
    assert {(one.model, one.version, one.output) for one in connection.inferences} == {("bi_encoder", "", "embedding")}


async def test_the_event_loop_goes_on_while_texts_are_tokenised(connection: Lengths, tmp_path: Path) -> None:
    class Waiting(TextEncoder):
        met = False

        def encode(self, texts: Sequence[str]) -> tuple[TokenIds, TokenIds]:
            self.met = gone_on.wait(LONG_S)
            return super().encode(texts)

    gone_on, endpoints = Event(), Endpoints([connection])
    endpoints.admit(endpoints.all[0])
    encoder = Waiting(save(bert_like(), tmp_path))
    embedding = asyncio.create_task(BiEncoder(endpoints, files_of(encoder), width=2).embed(["toy"], Budget(2 * LONG_S)))
    await asyncio.sleep(0)
    gone_on.set()
    await embedding
    assert encoder.met


async def test_no_text_asks_no_model(connection: Lengths, embedder: BiEncoder) -> None:
    assert len(await embedder.embed([], Budget(5.0))) == 0
    assert connection.inferences == []


async def test_a_portion_that_fails_fails_the_whole_and_the_rest_is_not_asked(
    connection: Lengths, embedder: BiEncoder
) -> None:
    connection.fails_at = 2
    with pytest.raises(ModelUnavailable):
        await embedder.embed(["toy"] * 4 * BATCH_TEXTS, Budget(5.0))
    assert len(connection.inferences) == 2


async def test_vectors_of_another_width_are_refused(connection: Lengths, tmp_path: Path) -> None:
    endpoints = Endpoints([connection])
    endpoints.admit(endpoints.all[0])
    embedder = BiEncoder(endpoints, files_of(TextEncoder(save(bert_like(), tmp_path))), width=384)
    with pytest.raises(ModelUnavailable, match="bi_encoder gave 2 numbers a row as 'embedding'; expected 384"):
        await embedder.embed(["toy"], Budget(5.0))


async def test_a_cross_encoder_with_two_outputs_is_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1")
    await rig.verification.verify_all()
    model, other = rig.scorer.current(), Lengths("triton-0", "f")
    for one in rig.endpoints.all:
        one.connection = other
    pair = EncodedPair((1, 2), (0, 0), truncated=False)
    with pytest.raises(ModelAnswerInvalid, match="cross_encoder gave 2 numbers a row as 'logit'; expected 1"):
        await rig.scorer.score(model, [pair], Budget(5.0))


async def test_no_pair_asks_no_model(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1")
    await rig.verification.verify_all()
    before = [len(one.inferences) for one in rig.connections]
    assert len(await rig.scorer.score(rig.scorer.current(), [], Budget(5.0))) == 0
    assert [len(one.inferences) for one in rig.connections] == before
