"""Any request, however odd, is answered or refused for a reason: never with UNKNOWN, INTERNAL or silence.

A failure prints the smallest message that fails and a line that repeats it.
"""

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from crossrank.v1 import ranking_pb2
from gateway.domain.values import Item
from tests.gateway.rpc.generated import messages
from tests.gateway.rpc.methods import METHODS, Method
from tests.gateway.rpc.rig import Rig

EXPECTED = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
NO_HANG_S = 20.0
FUZZ = settings(
    max_examples=150,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


async def code_of(rig: Rig, method: Method, data: bytes) -> grpc.StatusCode:
    """The status of a call; an OK answer must be a message of the method."""
    rig.items.items.setdefault("a", Item("a", {"title": "A"}))
    try:
        answers = await method.send(rig.channel, data, NO_HANG_S)
    except grpc.aio.AioRpcError as error:
        return error.code()
    for answer in answers:
        method.parse_answer(answer)
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
@FUZZ
@given(data=st.data())
async def test_any_message_is_answered_or_refused_for_a_reason(rig: Rig, method: Method, data: st.DataObject) -> None:
    message = data.draw(messages(method.input))
    code = await code_of(rig, method, message.SerializeToString())
    event(f"{method.descriptor.name}: {code.name}")
    assert code in EXPECTED, code


def flipped(message: Message, flips: list[tuple[float, int]], cut: float) -> bytes:
    """The message's bytes with some replaced and the end cut off."""
    raw = bytearray(message.SerializeToString())
    for place, byte in flips:
        if raw:
            raw[int(place * (len(raw) - 1))] = byte
    return bytes(raw[: round(len(raw) * cut)])


PLACES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
@FUZZ
@given(data=st.data(), flips=PLACES, cut=st.sampled_from([1.0, 0.9, 0.5]))
async def test_any_bytes_are_answered_or_refused_for_a_reason(
    rig: Rig, method: Method, data: st.DataObject, flips: list[tuple[float, int]], cut: float
) -> None:
    raw = flipped(data.draw(messages(method.input)), flips, cut)
    code = await code_of(rig, method, raw)
    event(f"{method.descriptor.name}: {code.name}")
    assert code in EXPECTED, code


async def test_the_fuzzer_would_notice_a_handler_that_breaks(rig: Rig) -> None:
    """The positive control: an error that nobody expects gives a code that the fuzz tests do not accept."""

    async def break_down() -> None:
        raise KeyError("a fault of ours")

    rig.ranker.before = break_down
    (similar,) = (method for method in METHODS if method.descriptor.name == "SimilarItems")
    request = ranking_pb2.SimilarItemsRequest(item_id="a")
    assert await code_of(rig, similar, request.SerializeToString()) not in EXPECTED
