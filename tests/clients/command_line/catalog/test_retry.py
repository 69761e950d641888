"""Long work waits for models that are away or busy, and for nothing else."""

from collections.abc import Sequence

import numpy as np
import pytest

from clients.command_line.catalog.retry import PatientEmbedder, patiently
from gateway.domain.budget import Budget
from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelUnavailable,
    StoreUnavailable,
)
from gateway.ports import Embeddings
from tests.fakes.embedders import embed_words


class Faulty:
    """Raises the faults one after the other, then answers; an Embedder too."""

    def __init__(self, *faults: CrossrankError) -> None:
        self.faults = list(faults)
        self.tries = 0

    async def work(self) -> str:
        self.tries += 1
        if self.faults:
            raise self.faults.pop(0)
        return "done"

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        await self.work()
        return np.stack([embed_words(text) for text in texts])


async def test_what_works_is_done_once() -> None:
    faulty = Faulty()
    assert await patiently(faulty.work, Budget(1.0)) == "done"
    assert faulty.tries == 1


async def test_models_that_are_busy_or_away_are_asked_again() -> None:
    faulty = Faulty(ModelOverloaded("the queue is full"), ModelUnavailable("it restarts"))
    assert await patiently(faulty.work, Budget(30.0)) == "done"
    assert faulty.tries == 3


@pytest.mark.parametrize(
    "fault",
    [StoreUnavailable("no database"), DeadlineTooShort("too late"), ModelAnswerInvalid("three dimensions")],
    ids=lambda fault: type(fault).__name__,
)
async def test_other_faults_end_the_work_at_once(fault: CrossrankError) -> None:
    faulty = Faulty(fault)
    with pytest.raises(type(fault)) as caught:
        await patiently(faulty.work, Budget(30.0))
    assert caught.value is fault
    assert faulty.tries == 1


async def test_the_last_fault_is_raised_when_the_budget_does_not_last_for_another_try() -> None:
    faulty = Faulty(*(ModelUnavailable(f"try {number}") for number in range(100)))
    with pytest.raises(ModelUnavailable) as caught:
        await patiently(faulty.work, Budget(0.5))
    assert 1 < faulty.tries < 100
    assert caught.value.message == f"try {faulty.tries - 1}"


async def test_a_spent_budget_still_gives_one_try() -> None:
    faulty = Faulty()
    assert await patiently(faulty.work, Budget(0.0)) == "done"


async def test_texts_count_as_embedded_once_however_often_they_were_tried() -> None:
    embedder = PatientEmbedder(Faulty(ModelOverloaded("the queue is full")))
    vectors = await embedder.embed(["heat", "alien"], Budget(30.0))
    assert embedder.embedded == 2
    np.testing.assert_array_equal(vectors, np.stack([embed_words("heat"), embed_words("alien")]))
