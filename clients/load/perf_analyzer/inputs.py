"""Token ids to perf_analyzer's input files. It can batch rows of one shape only, so requests are sorted into classes of
similar length and padded to the longest of their class. Must not tokenise."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from deploy.local.errors import LocalStackError, StartFailed
from deploy.local.parts.call_errors import describe
from gateway.domain.values import EncodedPair

_CALL_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input file of one class: rows of `length` tokens, of which the share `padding` is padding."""

    file: Path
    length: int
    requests: int
    rows: int
    padding: float


def input_names(url: str, model: str) -> list[str]:
    """The inputs that the model on the Triton at `url` asks for. Raises LocalStackError."""
    with grpc.insecure_channel(url) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            reply = stub.ModelConfig(service_pb2.ModelConfigRequest(name=model), timeout=_CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            raise LocalStackError(
                f"Triton at {url} does not describe {model}: {describe(error)}", remedy="crossrank status"
            ) from error
    return [tensor.name for tensor in reply.config.input]


def write_inputs(
    folder: Path, lists: Iterable[Sequence[EncodedPair]], names: Sequence[str], rows_per_request: int, classes: int
) -> list[Inputs]:
    """Writes the rows of every list, sorted by length, as requests of `rows_per_request` rows; shortest class first.

    Rows that do not fill a request are left out. Raises StartFailed when none is filled.
    """
    requests = sorted(_requests(lists, rows_per_request), key=lambda request: len(request[-1].token_ids))
    if not requests:
        raise StartFailed(
            f"no list has {rows_per_request} rows for one request", remedy="ask for fewer rows per request"
        )
    bounds = [round(len(requests) * number / classes) for number in range(classes + 1)]
    parts = [requests[start:end] for start, end in pairwise(bounds) if end > start]
    return [_write_class(folder / f"inputs_{number}.json", part, names) for number, part in enumerate(parts)]


def _requests(lists: Iterable[Sequence[EncodedPair]], rows_per_request: int) -> Iterator[Sequence[EncodedPair]]:
    for rows in lists:
        ordered = sorted(rows, key=lambda row: len(row.token_ids))
        for start in range(0, len(ordered) - rows_per_request + 1, rows_per_request):
            yield ordered[start : start + rows_per_request]


def _write_class(file: Path, requests: Sequence[Sequence[EncodedPair]], names: Sequence[str]) -> Inputs:
    rows = [row for request in requests for row in request]
    length = max(len(row.token_ids) for row in rows)
    file.write_text(json.dumps({"data": [_step(row, length, names) for row in rows]}))
    real = sum(len(row.token_ids) for row in rows)
    return Inputs(file, length, len(requests), len(rows), padding=1 - real / (len(rows) * length))


def _step(row: EncodedPair, length: int, names: Sequence[str]) -> dict[str, object]:
    """One row; perf_analyzer joins consecutive ones to a request."""
    values = {
        "input_ids": list(row.token_ids),
        "attention_mask": [1] * len(row.token_ids),
        "token_type_ids": list(row.type_ids),
    }
    unknown = [name for name in names if name not in values]
    if unknown:
        raise StartFailed(
            f"the model wants {', '.join(unknown)}, which token ids do not give", remedy="name another model"
        )
    return {name: {"content": values[name] + [0] * (length - len(values[name])), "shape": [length]} for name in names}
