"""Which endpoint is asked, which is left out after a fault, and how it comes back."""

import asyncio

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelUnavailable,
)
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import Inference
from tests.fakes.connections import FakeConnection


class Rig:
    """Three endpoints on a clock that stands still, all admitted for version 1, and the number of ejections."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ejections = 0
        self.connections = [FakeConnection(f"triton-{name}", "f") for name in "abc"]
        self.endpoints = Endpoints(self.connections, clock=lambda: self.now)
        self.endpoints.on_ejection = self._count
        for one in self.endpoints.all:
            self.endpoints.admit(one)
            one.verified.add("1")

    def _count(self) -> None:
        self.ejections += 1

    def asked(self) -> list[int]:
        """Inferences that reached each connection."""
        return [len(one.inferences) for one in self.connections]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def inference(version: str = "1") -> Inference:
    ones = np.ones((2, 3), np.int32)
    inputs = {"input_ids": ones, "token_type_ids": ones, "attention_mask": ones}
    return Inference("cross_encoder", version, inputs, "logit", Budget(5.0))


async def test_before_anything_is_admitted_the_error_names_every_endpoint_and_why() -> None:
    endpoints = Endpoints([FakeConnection("triton-a", "f"), FakeConnection("triton-b", "f")])
    with pytest.raises(ModelUnavailable) as caught:
        await endpoints.infer(inference())
    assert "triton-a: not verified yet; triton-b: not verified yet" in caught.value.message


async def test_without_any_endpoint_the_model_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable):
        await Endpoints([]).infer(inference())
    assert not Endpoints([]).right_within(1e9)


async def test_only_an_endpoint_that_proved_the_version_is_asked_for_it(rig: Rig) -> None:
    rig.endpoints.all[2].verified.add("2")
    for _ in range(3):
        await rig.endpoints.infer(inference("2"))
    assert rig.asked() == [0, 0, 3]


async def test_the_newest_version_may_come_from_any_usable_endpoint(rig: Rig) -> None:
    for one in rig.endpoints.all:
        one.verified.clear()
    await rig.endpoints.infer(inference(""))
    assert sum(rig.asked()) == 1


async def test_a_version_that_nobody_proved_is_told_apart_from_a_failure(rig: Rig) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        await rig.endpoints.infer(inference("9"))
    assert "triton-a: version 9 is not verified there" in caught.value.message
    assert "failed" not in caught.value.message
    assert rig.asked() == [0, 0, 0]
    assert rig.ejections == 0


async def test_a_request_is_tried_twice_and_no_more(rig: Rig) -> None:
    for one in rig.connections:
        one.fault = ModelUnavailable(f"{one.url} is away")
    with pytest.raises(ModelUnavailable, match="triton-b is away"):
        await rig.endpoints.infer(inference())
    assert rig.asked() == [1, 1, 0]
    assert [one.usable for one in rig.endpoints.all] == [False, False, True]
    assert rig.ejections == 2
    assert rig.endpoints.all[0].fault == "triton-a is away"


@pytest.mark.parametrize("fault", [DeadlineTooShort("late"), ModelOverloaded("full")])
async def test_a_fault_of_the_request_itself_ejects_nobody_and_is_not_tried_elsewhere(
    rig: Rig, fault: CrossrankError
) -> None:
    rig.connections[0].fault = fault
    with pytest.raises(type(fault)):
        await rig.endpoints.infer(inference())
    assert rig.asked() == [1, 0, 0]
    assert all(one.usable for one in rig.endpoints.all)
    assert rig.ejections == 0


async def test_an_endpoint_that_answers_nonsense_is_left_out_and_another_one_answers(rig: Rig) -> None:
    """The defect this guards against: wrong answers are fast, so that the least busy endpoint was the broken one."""
    rig.connections[0].fault = ModelAnswerInvalid("odd")
    for _ in range(10):
        assert (await rig.endpoints.infer(inference())).shape == (2, 1)
    assert rig.asked()[0] == 1
    assert [one.usable for one in rig.endpoints.all] == [False, True, True]
    assert (rig.ejections, rig.endpoints.all[0].fault) == (1, "odd")


async def test_only_an_answer_moves_the_moment_of_the_last_one(rig: Rig) -> None:
    rig.connections[0].fault = ModelOverloaded("full")
    with pytest.raises(ModelOverloaded):
        await rig.endpoints.infer(inference())
    assert rig.endpoints.all[0].last_answer_at == 0.0
    rig.connections[0].fault = None
    rig.now = 107.0
    await rig.endpoints.infer(inference())
    assert rig.endpoints.all[0].last_answer_at == 107.0


@pytest.mark.parametrize("fault", [None, ModelUnavailable("away"), ModelAnswerInvalid("odd")])
async def test_nothing_stays_in_flight_whatever_came_of_it(rig: Rig, fault: CrossrankError | None) -> None:
    rig.connections[0].fault = fault
    await asyncio.gather(rig.endpoints.infer(inference()), return_exceptions=True)
    assert [one.in_flight for one in rig.endpoints.all] == [0, 0, 0]


async def test_a_call_that_is_cancelled_is_no_fault_of_the_endpoint(rig: Rig) -> None:
    rig.connections[0].gate = asyncio.Event()
    call = asyncio.create_task(rig.endpoints.infer(inference()))
    async with asyncio.timeout(10):
        while not rig.connections[0].inferences:
            await asyncio.sleep(0)
    assert rig.endpoints.all[0].in_flight == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert rig.endpoints.all[0].in_flight == 0
    assert rig.endpoints.all[0].usable


def test_an_ejected_endpoint_is_told_once_and_forgets_what_it_proved(rig: Rig) -> None:
    first = rig.endpoints.all[0]
    rig.endpoints.eject(first, "wrong logits")
    rig.endpoints.eject(first, "another reason")
    assert (first.usable, first.fault, first.verified) == (False, "wrong logits", set())
    assert rig.ejections == 1


async def test_an_endpoint_that_is_admitted_again_serves_only_what_it_proves_anew(rig: Rig) -> None:
    first, *others = rig.endpoints.all
    for one in (first, *others):
        rig.endpoints.eject(one, "away")
    rig.now = 200.0
    rig.endpoints.admit(first)
    assert (first.usable, first.fault, first.last_right_at) == (True, "", 200.0)
    with pytest.raises(ModelUnavailable, match="triton-a: version 1 is not verified there; triton-b: away"):
        await rig.endpoints.infer(inference())
    first.verified.add("1")
    assert (await rig.endpoints.infer(inference())).shape == (2, 1)


def test_a_right_answer_counts_to_the_very_end_of_its_time(rig: Rig) -> None:
    rig.now = 130.0
    assert rig.endpoints.right_within(30.0)
    assert not rig.endpoints.right_within(29.9)


def test_an_ejected_endpoint_vouches_for_nothing_however_recent_its_answer(rig: Rig) -> None:
    for one in rig.endpoints.all:
        rig.endpoints.eject(one, "away")
    assert not rig.endpoints.right_within(1e9)
