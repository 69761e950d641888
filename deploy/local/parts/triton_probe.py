"""Asks every model of a Triton server for a real inference, and looks at its workers where it runs on this machine:
Triton reports READY with a dead one. Derives the question from each model's own configuration, so it must not know what
the models are for."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from deploy.local.errors import Broken, ProbeFailed, Unready
from deploy.local.parts.call_errors import probe_failure
from deploy.local.parts.triton_control import control_headers
from deploy.local.parts.triton_workers import dead_workers

_FREE_DIMENSION = 2
_HIGHEST_PRIORITY = 1
_READY, _NO_FAULT = "READY", ("", "unloaded")
_THIS_MACHINE = ("127.0.0.1", "localhost")
_DEAD_WORKER_MESSAGE = "Stub process"
_IN_CHANGE = ("LOADING", "UNLOADING")
_REMEDY = "restart Triton: it does not replace a dead worker"
_OVERLOAD_MESSAGES = ("Exceeds maximum queue size", "Request timeout expired")


@dataclass(slots=True)
class TritonProbe:
    """Remembers how far the server had come, to tell one that is loaded from one that hangs."""

    address: str
    key_file: Path = Path()
    """Of the server's control, where it was started with one."""
    _completed: dict[str, int] = field(default_factory=dict)

    def check(self, timeout_s: float) -> None:
        """Returns when every loaded model answered rightly and, where it runs on this machine, no worker is dead: an
        answer comes from one that lives. Raises ProbeFailed or one of its kinds."""
        with grpc.insecure_channel(self.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            # First: a question waits behind all those that a dead worker fails, each after a second.
            self._check_workers(stub, timeout_s)
            index = self._index(stub, timeout_s)
            models = sorted({model.name for model in index.models if model.state == _READY})
            if not models:
                raise _nothing_loaded(self.address, index)
            for model in models:
                self._check_model(stub, model, timeout_s)

    def _check_workers(self, stub: service_pb2_grpc.GRPCInferenceServiceStub, timeout_s: float) -> None:
        host, _, port = self.address.rpartition(":")
        if host not in _THIS_MACHINE or not port.isdigit():
            return
        if dead := dead_workers(int(port), lambda: self._changes(stub, timeout_s)):
            raise Broken(f"{dead} of the workers of Triton at {self.address} ended", remedy=_REMEDY)

    def _changes(self, stub: service_pb2_grpc.GRPCInferenceServiceStub, timeout_s: float) -> bool:
        """Whether a model is being loaded or unloaded."""
        return any(model.state in _IN_CHANGE for model in self._index(stub, timeout_s).models)

    def _index(
        self, stub: service_pb2_grpc.GRPCInferenceServiceStub, timeout_s: float
    ) -> service_pb2.RepositoryIndexResponse:
        request = service_pb2.RepositoryIndexRequest()
        try:
            return stub.RepositoryIndex(request, timeout=timeout_s, metadata=self._key())
        except grpc.RpcError as error:
            raise probe_failure(f"Triton at {self.address}", error) from error

    def _check_model(self, stub: service_pb2_grpc.GRPCInferenceServiceStub, model: str, timeout_s: float) -> None:
        try:
            if not stub.ModelReady(service_pb2.ModelReadyRequest(name=model), timeout=timeout_s).ready:
                raise ProbeFailed(f"Triton at {self.address} says that model {model} is not ready")
            config = stub.ModelConfig(service_pb2.ModelConfigRequest(name=model), timeout=timeout_s).config
            reply = stub.ModelInfer(question(config), timeout=timeout_s)
        except grpc.RpcError as error:
            failure = probe_failure(f"Triton's model {model}", error)
            message = failure.message
            if _DEAD_WORKER_MESSAGE in message:
                raise Broken(message, remedy=_REMEDY) from error
            if any(words in message for words in _OVERLOAD_MESSAGES) or self._moved_on(stub, model, timeout_s):
                raise Unready(f"{message} (it is overloaded)") from error
            raise failure from error
        check_answer(model, reply)

    def _key(self) -> list[tuple[str, str]]:
        return list(control_headers(self.key_file).items())

    def _moved_on(self, stub: service_pb2_grpc.GRPCInferenceServiceStub, model: str, timeout_s: float) -> bool:
        """Whether the model completed an inference for anybody since the last probe that failed."""
        try:
            request = service_pb2.ModelStatisticsRequest(name=model)
            statistics = stub.ModelStatistics(request, timeout=timeout_s, metadata=self._key())
        except grpc.RpcError:
            return False
        completed = sum(entry.inference_stats.success.count for entry in statistics.model_stats)
        before = self._completed.get(model)
        self._completed[model] = completed
        return before is not None and completed > before


def _nothing_loaded(address: str, index: service_pb2.RepositoryIndexResponse) -> ProbeFailed:
    """Broken where loading was tried and failed."""
    failed = [f": {one.name} {one.version}: {one.reason}" for one in index.models if one.reason not in _NO_FAULT]
    return (Broken if failed else ProbeFailed)(f"Triton at {address} has no model loaded{''.join(failed[:1])}")


def question(config: model_config_pb2.ModelConfig) -> service_pb2.ModelInferRequest:
    """The smallest request the model accepts: one row of ones, two wide where the width is free."""
    request = service_pb2.ModelInferRequest(model_name=config.name)
    request.parameters["priority"].uint64_param = _HIGHEST_PRIORITY
    for tensor in config.input:
        shape = [_FREE_DIMENSION if size < 0 else size for size in tensor.dims]
        if config.max_batch_size > 0:
            shape = [1, *shape]
        kind = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
        request.inputs.add(name=tensor.name, datatype=kind, shape=shape)
        request.raw_input_contents.append(_ones(kind, shape))
    return request


def _ones(kind: str, shape: list[int]) -> bytes:
    if kind == "STRING":
        return b"\x01\x00\x00\x001" * math.prod(shape)
    dtype = {"BOOL": "bool", "FP16": "float16", "FP32": "float32", "FP64": "float64"}.get(kind, kind.lower())
    return np.ones(shape, dtype=dtype).tobytes()


def check_answer(model: str, reply: service_pb2.ModelInferResponse) -> None:
    """Raises ProbeFailed for an answer without numbers or with numbers that are not finite."""
    for output, content in zip(reply.outputs, reply.raw_output_contents, strict=True):
        if not content:
            raise ProbeFailed(
                f"Triton's model {model} gave an empty {output.name}",
                remedy="install numpy 1.26.4: numpy 2 empties every output of Triton's Python worker",
            )
        if output.datatype == "FP32" and not np.isfinite(np.frombuffer(content, dtype=np.float32)).all():
            raise ProbeFailed(f"Triton's model {model} gave an {output.name} that is not finite")
