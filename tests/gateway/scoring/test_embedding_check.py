"""A bi-encoder has endpoints of its own: they come and go with its vectors, and another model's stay."""

import re
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelAnswerInvalid, ModelUnavailable
from gateway.domain.manifest import FilesChanged
from gateway.encoding.embedding import EmbeddingBundle, GoldenText
from gateway.encoding.text_encoder import TextEncoder
from gateway.scoring.embedder import BiEncoder
from gateway.scoring.embedding_check import EmbeddingCheck
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.rounds import RoundTimes
from gateway.scoring.triton import Inference, Tensor
from tests.fakes.connections import FakeConnection
from tests.fakes.tokenizers import bert_like, save

WIDTH = 4
RIGHT = [0.0, 0.6, 0.8, 0.0]


class Vectors(FakeConnection):
    """Answers ``vector`` for every text."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "f")
        self.vector = RIGHT

    async def infer(self, inference: Inference) -> Tensor:
        self.inferences.append(inference)
        if self.fault is not None:
            raise self.fault
        return np.array([self.vector] * len(inference.inputs["input_ids"]), np.float32)


class Rig:
    """Two servers, asked by a bi-encoder with endpoints of its own, and by another model."""

    def __init__(self, folder: Path) -> None:
        self.connections = [Vectors("triton-a"), Vectors("triton-b")]
        self.endpoints, self.others = Endpoints(self.connections), Endpoints(self.connections)
        for one in self.others.all:
            self.others.admit(one)
        golden = tuple(GoldenText(text, RIGHT) for text in ("toy", "story", "heat"))
        self.files = EmbeddingBundle(TextEncoder(save(bert_like(), folder)), golden)
        self.changed = ""
        self.embedder = BiEncoder(self.endpoints, self.open_files, WIDTH)
        self.check = EmbeddingCheck(self.endpoints, self.embedder, RoundTimes(0.01, 5.0), timeout_s=1.0)

    def open_files(self) -> EmbeddingBundle:
        if self.changed:
            raise FilesChanged(self.changed)
        return self.files

    def usable(self) -> list[bool]:
        return [one.usable for one in self.endpoints.all]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_nothing_is_embedded_before_a_server_gave_a_vector(rig: Rig) -> None:
    with pytest.raises(ModelUnavailable, match="not verified yet"):
        await rig.embedder.embed(["toy"], Budget(1.0))
    await rig.check.verify_all()
    assert (await rig.embedder.embed(["toy", "story"], Budget(1.0))).shape == (2, WIDTH)


@pytest.mark.parametrize("fault", [ModelUnavailable("worker died"), ModelAnswerInvalid("odd")])
async def test_a_bi_encoder_that_fails_costs_no_other_model_its_server(rig: Rig, fault: CrossrankError) -> None:
    """The defect this guards against: with a dead bi-encoder half of all Reranks had no model."""
    await rig.check.verify_all()
    rig.connections[0].fault = fault
    assert (await rig.embedder.embed(["toy"], Budget(1.0))).shape == (1, WIDTH)
    assert rig.usable() == [False, True]
    assert all(one.usable for one in rig.others.all)
    await rig.check.verify_all()
    assert rig.usable() == [False, True]
    rig.connections[0].fault = None
    await rig.check.verify_all()
    assert rig.usable() == [True, True]


WRONG = ([0.6, 0.8], [0.0] * WIDTH, [float("nan")] * WIDTH, [float("inf")] * WIDTH, [0.0, 0.8, 0.6, 0.0])


@pytest.mark.parametrize("vector", WRONG)
async def test_what_is_not_the_recorded_vector_admits_no_server(rig: Rig, vector: list[float]) -> None:
    rig.connections[1].vector = vector
    await rig.check.verify_all()
    assert rig.usable() == [True, False]


async def test_a_server_that_turns_to_another_vector_is_ejected_and_told_by_name(rig: Rig) -> None:
    await rig.check.verify_all()
    rig.connections[1].vector = WRONG[-1]
    await rig.check.verify_all()
    assert rig.usable() == [True, False]
    assert re.match(r"bi_encoder: golden text \d: its vector is 0.283 from", rig.endpoints.all[1].fault)


async def test_changed_files_cost_the_vectors_alone_until_they_are_right_again(rig: Rig) -> None:
    rig.changed = "tokenizer.json: sha256 1, written with 2"
    await rig.check.verify_all()
    assert rig.usable() == [False, False]
    with pytest.raises(ModelUnavailable, match=r"bi_encoder cannot be used: tokenizer\.json: sha256 1"):
        await rig.embedder.embed(["toy"], Budget(1.0))
    assert all(one.usable for one in rig.others.all)
    rig.changed = ""
    await rig.check.verify_all()
    assert rig.usable() == [True, True]


async def test_a_busy_server_is_not_given_up_for_a_late_vector(rig: Rig) -> None:
    await rig.check.verify_all()
    rig.connections[0].fault = DeadlineTooShort("late")
    await rig.check.verify_all()
    assert rig.usable() == [True, True]


async def test_a_vector_that_is_not_finite_is_a_fault_of_the_model_and_ejects_nobody(rig: Rig) -> None:
    """The defect this guards against: it went on into the database, whose refusal was told as the caller's fault."""
    await rig.check.verify_all()
    for one in rig.connections:
        one.vector = [float("nan")] * WIDTH
    with pytest.raises(ModelAnswerInvalid, match="bi_encoder gave a vector that is not finite"):
        await rig.embedder.embed(["toy"], Budget(1.0))
    assert rig.usable() == [True, True]
