"""One Triton server over gRPC: tensors in, tensors out, foreign errors translated once. Knows no pipeline."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from gateway.domain.budget import Budget
from gateway.domain.errors import DeadlineTooShort, ModelAnswerInvalid, ModelOverloaded, ModelUnavailable
from gateway.domain.values import EncodedPair

Tensor = npt.NDArray[Any]

# Under a queue policy only: export writes none, but whoever runs Triton may.
_OVERLOADED = re.compile("exceeds maximum queue size|request timeout expired", re.IGNORECASE)
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Else a fresh channel to the same server gets the connection of the old one.
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass(frozen=True, slots=True)
class ModelConfiguration:
    """String parameters of a model's configuration, and the most rows that one request may have."""

    parameters: Mapping[str, str]
    max_batch_size: int


@dataclass(frozen=True, slots=True)
class Inference:
    """One request: named input tensors with a common first axis, the output wanted, and how many numbers it has a row.
    Empty version: the newest."""

    model: str
    version: str
    inputs: dict[str, Tensor]
    output: str
    budget: Budget
    columns: int = 1

    def checked(self, answer: Tensor) -> Tensor:
        """The answer. Raises ModelAnswerInvalid for one of another width."""
        if answer.shape[1] != self.columns:
            raise ModelAnswerInvalid(
                f"{self.model} gave {answer.shape[1]} numbers a row as {self.output!r}; expected {self.columns}"
            )
        return answer


def pair_tensors(pairs: Sequence[EncodedPair]) -> dict[str, Tensor]:
    """The model's three inputs, int32 [pairs, longest], padded with zeros behind the attention mask."""
    lengths_b = np.array([len(pair.token_ids) for pair in pairs])
    filled_bt = np.arange(lengths_b.max()) < lengths_b[:, None]
    return {
        "input_ids": _filled(filled_bt, (pair.token_ids for pair in pairs)),
        "token_type_ids": _filled(filled_bt, (pair.type_ids for pair in pairs)),
        "attention_mask": filled_bt.astype(np.int32),
    }


def _filled(filled_bt: Tensor, rows: Iterable[Sequence[int]]) -> Tensor:
    """int32, with the numbers of the rows where ``filled_bt`` is true: one copy for all rows."""
    tensor_bt = np.zeros(filled_bt.shape, np.int32)
    tensor_bt[filled_bt] = np.fromiter(chain.from_iterable(rows), np.int32)
    return tensor_bt


@dataclass(slots=True)
class _Channel:
    """A connection, and how many calls wait on it."""

    client: InferenceServerClient
    calls: int = 0


class TritonConnection:
    """One server. Call ``close`` when done."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._channel = self._open()

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._url

    async def infer(self, inference: Inference) -> Tensor:
        """The output tensor. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort, ModelAnswerInvalid.

        The remaining budget is the deadline of the call: Triton and the worker drop what is not computed then.
        """
        left_s = inference.budget.left_s
        if left_s <= 0:
            raise DeadlineTooShort("the budget ended before the model was asked")
        async with self._asked() as client:
            result = await client.infer(
                inference.model,
                [_input(name, tensor) for name, tensor in inference.inputs.items()],
                model_version=inference.version,
                outputs=[InferRequestedOutput(inference.output)],
                client_timeout=left_s,
            )
        rows = next(iter(inference.inputs.values())).shape[0]
        return _checked(result, inference.output, rows)

    async def versions(self, model: str, timeout_s: float) -> list[str]:
        """Versions loaded, oldest first. Raises ModelUnavailable or DeadlineTooShort."""
        async with self._asked() as client:
            metadata = await client.get_model_metadata(model, client_timeout=timeout_s)
        return sorted(metadata.versions, key=int)

    async def configuration(self, model: str, timeout_s: float) -> ModelConfiguration:
        """What the server was told of the model. Raises ModelUnavailable or DeadlineTooShort."""
        async with self._asked() as client:
            answer = await client.get_model_config(model, client_timeout=timeout_s)
        parameters = {name: value.string_value for name, value in answer.config.parameters.items()}
        return ModelConfiguration(parameters, answer.config.max_batch_size)

    async def reconnect(self) -> None:
        """Calls from now on go over a fresh connection; those under way end on the old one, or at their deadlines.

        gRPC keeps a connection whose packets are dropped for many minutes, and Triton takes keepalive pings for abuse.
        """
        old, self._channel = self._channel, self._open()
        await self._close_unused(old)

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.client.close()

    def _open(self) -> _Channel:
        return _Channel(InferenceServerClient(self._url, channel_args=_CHANNEL_OPTIONS))

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[InferenceServerClient]:
        """The client to ask, for one call."""
        channel = self._channel
        channel.calls += 1
        try:
            yield channel.client
        except InferenceServerException as fault:
            raise self._translated(fault) from fault
        finally:
            channel.calls -= 1
            await self._close_unused(channel)

    async def _close_unused(self, channel: _Channel) -> None:
        if channel is not self._channel and not channel.calls:
            await channel.client.close()

    def _translated(self, fault: InferenceServerException) -> Exception:
        status, message = str(fault.status() or ""), str(fault.message() or "")
        if _OVERLOADED.search(message):
            return ModelOverloaded(f"{self.url} refused the work: {message}")
        if "DEADLINE_EXCEEDED" in status:
            return DeadlineTooShort(f"{self.url} did not answer before the deadline")
        return ModelUnavailable(f"{self.url} failed: {status} {message}".strip())


def _input(name: str, tensor: Tensor) -> InferInput:
    made = InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
    made.set_data_from_numpy(tensor)
    return made


def _checked(result: Any, output: str, rows: int) -> Tensor:
    """The tensor, or ModelAnswerInvalid: a server with the wrong numpy answers OK with zero bytes."""
    try:
        tensor = result.as_numpy(output)
    except ValueError as fault:
        raise ModelAnswerInvalid(f"output {output!r} has fewer bytes than its shape says: {fault}") from fault
    if tensor is None or tensor.dtype != np.float32 or tensor.ndim != 2 or tensor.shape[0] != rows:
        found = "nothing" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
        raise ModelAnswerInvalid(f"output {output!r} is {found}; expected float32 [{rows}, n]")
    return np.asarray(tensor)
