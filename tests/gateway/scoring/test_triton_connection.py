"""What TritonConnection sends, and what it makes of a server's answers and errors; the client below it is scripted."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from gateway.domain.budget import Budget
from gateway.domain.errors import DeadlineTooShort, ModelAnswerInvalid, ModelOverloaded, ModelUnavailable
from gateway.scoring import triton
from gateway.scoring.triton import Inference, ModelConfiguration, TritonConnection


class Client:
    """Speaks like tritonclient's; ``tensor`` is what it answers, ``fault`` fails every call."""

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self.calls: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.tensor: Any = np.zeros((2, 1), np.float32)
        self.gate: asyncio.Event | None = None
        self.closed = False

    async def infer(self, model: str, inputs: list[Any], **options: Any) -> "Client":
        self.calls.append({"model": model, "inputs": inputs, **options})
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        return self

    def as_numpy(self, output: str) -> Any:
        if isinstance(self.tensor, Exception):
            raise self.tensor
        return self.tensor

    async def get_model_metadata(self, model: str, client_timeout: float) -> Any:
        self._fail()
        return SimpleNamespace(versions=["10", "9", "2"])

    async def get_model_config(self, model: str, client_timeout: float) -> Any:
        self._fail()
        parameters = {"serving_version": SimpleNamespace(string_value="9")}
        return SimpleNamespace(config=SimpleNamespace(parameters=parameters, max_batch_size=64))

    async def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> TritonConnection:
    monkeypatch.setattr(triton, "InferenceServerClient", Client)
    return TritonConnection("triton-a:8001")


def client_of(connection: TritonConnection) -> Client:
    client = connection._channel.client
    assert isinstance(client, Client)
    return client


def inference(budget: Budget | None = None) -> Inference:
    inputs = {"input_ids": np.array([[1, 2], [3, 0]], np.int32)}
    return Inference("cross_encoder", "7", inputs, "logit", budget or Budget(2.0, clock=lambda: 0.0))


async def test_version_and_budget_go_along(connection: TritonConnection) -> None:
    await connection.infer(inference())
    (call,) = client_of(connection).calls
    assert (call["model"], call["model_version"]) == ("cross_encoder", "7")
    assert call["client_timeout"] == 2.0
    (tensor,) = call["inputs"]
    assert (tensor.name(), tensor.shape(), tensor.datatype()) == ("input_ids", [2, 2], "INT32")
    assert call["outputs"][0].name() == "logit"


async def test_a_spent_budget_asks_nobody(connection: TritonConnection) -> None:
    with pytest.raises(DeadlineTooShort, match="before the model was asked"):
        await connection.infer(inference(Budget(0.0, clock=lambda: 0.0)))
    assert client_of(connection).calls == []


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", ModelOverloaded),
        ("StatusCode.UNAVAILABLE", "in ensemble: Request timeout expired", ModelOverloaded),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", DeadlineTooShort),
        ("StatusCode.UNAVAILABLE", "failed to connect to all addresses", ModelUnavailable),
        ("StatusCode.NOT_FOUND", "unknown model 'cross_encoder'", ModelUnavailable),
        (None, "no status at all", ModelUnavailable),
    ],
)
async def test_a_foreign_error_becomes_one_of_ours_that_names_the_server(
    connection: TritonConnection, status: str | None, message: str, expected: type[Exception]
) -> None:
    client_of(connection).fault = InferenceServerException(message, status=status)
    for call in (
        connection.infer(inference()),
        connection.versions("cross_encoder", 1.0),
        connection.configuration("cross_encoder", 1.0),
    ):
        with pytest.raises(expected, match="triton-a:8001") as caught:
            await call
        assert type(caught.value) is expected
        assert isinstance(caught.value.__cause__, InferenceServerException)


async def test_versions_are_ordered_as_numbers_and_parameters_are_texts(connection: TritonConnection) -> None:
    assert await connection.versions("cross_encoder", 1.0) == ["2", "9", "10"]
    assert await connection.configuration("cross_encoder", 1.0) == ModelConfiguration(
        {"serving_version": "9"}, max_batch_size=64
    )


@pytest.mark.parametrize(
    ("answered", "found"),
    [
        (None, "'logit' is nothing"),
        (np.zeros((2, 1), np.float64), r"'logit' is float64 \[2, 1\]; expected float32 \[2, n\]"),
        (np.zeros(2, np.float32), r"float32 \[2\]"),
        (np.zeros((3, 1), np.float32), r"float32 \[3, 1\]; expected float32 \[2, n\]"),
        (ValueError("cannot reshape array of size 0"), "fewer bytes than its shape says: cannot reshape"),
    ],
)
async def test_an_answer_of_another_form_is_told_with_what_was_expected(
    connection: TritonConnection, answered: Any, found: str
) -> None:
    client_of(connection).tensor = answered
    with pytest.raises(ModelAnswerInvalid, match=found):
        await connection.infer(inference())


async def test_calls_under_way_end_on_the_connection_that_they_began_on_and_close_it_behind_them(
    connection: TritonConnection,
) -> None:
    old = client_of(connection)
    old.gate = asyncio.Event()
    calls = [asyncio.create_task(connection.infer(inference())) for _ in range(2)]
    while len(old.calls) < 2:
        await asyncio.sleep(0)
    await connection.reconnect()
    assert client_of(connection) is not old
    assert not old.closed
    await connection.infer(inference())
    assert not old.closed
    old.gate.set()
    await asyncio.gather(*calls)
    assert old.closed
    await connection.close()
    assert client_of(connection).closed


async def test_a_connection_that_nobody_uses_is_closed_when_a_fresh_one_is_made(connection: TritonConnection) -> None:
    old = client_of(connection)
    await connection.reconnect()
    assert old.closed
    assert not client_of(connection).closed
