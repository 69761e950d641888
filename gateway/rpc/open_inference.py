"""inference.GRPCInferenceService: the pipeline as one model of the open inference protocol (KServe v2, as Triton speaks
it), so that perf_analyzer and any Triton or KServe client can drive it. Knows nothing of how lists are made.

Model inputs: ``context`` BYTES [1] (a query) or ``history`` BYTES [k] (most recent first), and ``items`` BYTES [n]
(best first, as a first stage gave them); an element of the latter two is the text of the item's first field or a JSON
object of fields. Outputs, in the order of ``items``: ``score`` FP32 [n], ``logit`` FP32 [n], ``rank`` INT32 [n] from 1.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from tritonclient.grpc import service_pb2

from gateway.domain.checks import Checks
from gateway.domain.errors import ModelUnavailable, NotFound
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules
from gateway.rpc.calls import current_call
from gateway.rpc.codec.open_inference.model import encode_config, encode_metadata
from gateway.rpc.codec.open_inference.requests import decode_request, encode_answer
from gateway.rpc.codec.open_inference.statistics import Statistics
from gateway.rpc.info import ModelInfo, ServerInfo
from gateway.rpc.ranking import Ranker

SERVICE = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
EXTENSIONS = ("model_configuration", "statistics")


class OpenInferenceServicer:
    """Every method answers or raises CrossrankError; the interceptor makes the status."""

    def __init__(self, ranker: Ranker, info: ServerInfo, limits: Limits) -> None:
        self._ranker = ranker
        self._info = info
        self._limits = limits
        self._rules = Rules(limits)
        self._statistics = Statistics()
        self._stopping = False

    def stop_serving(self) -> None:
        """Not ready from now on: balancers send their next calls elsewhere."""
        self._stopping = True

    async def ServerLive(self, request: Any, context: object) -> Any:
        """True: the process answers."""
        return service_pb2.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: object) -> Any:
        """Whether the model gave a right answer a moment ago."""
        return service_pb2.ServerReadyResponse(ready=self._ready(self._info.models()))

    async def ModelReady(self, request: Any, context: object) -> Any:
        """As ServerReady, for the model; an unknown model or version is not ready."""
        named = [
            model
            for model in self._info.models()
            if request.name == model.identity.name and request.version in {"", model.identity.version}
        ]
        return service_pb2.ModelReadyResponse(ready=self._ready(named))

    async def ServerMetadata(self, request: Any, context: object) -> Any:
        """Name, version and the extensions of the protocol that are served."""
        return service_pb2.ServerMetadataResponse(
            name="crossrank", version=self._info.version, extensions=list(EXTENSIONS)
        )

    async def ModelMetadata(self, request: Any, context: object) -> Any:
        """Tensors of the model."""
        return encode_metadata(self._model(request.name, request.version))

    async def ModelConfig(self, request: Any, context: object) -> Any:
        """Tensors, limits and fingerprint of the model."""
        return encode_config(self._model(request.name, request.version), self._limits)

    async def ModelStatistics(self, request: Any, context: object) -> Any:
        """Counts and times of ModelInfer since the start."""
        if request.name:
            self._model(request.name, "")
        return service_pb2.ModelStatisticsResponse(model_stats=self._statistics.messages(request.version))

    async def ModelInfer(self, request: Any, context: object) -> Any:
        """Ranks the items for the context: in full, or a typed error."""
        model = self._model(request.model_name, request.model_version)
        with self._statistics.of(model.identity) as answered:
            checks = Checks(self._rules)
            question = decode_request(checks, request, model.item_fields[0])
            checks.refuse_faults()
            call = current_call()
            if question.timeout_s:
                call = replace(call, budget=call.budget.slice(1.0, at_most_s=question.timeout_s))
            ranked = await self._ranker.rerank(question.context, question.candidates, question.options, call)
            response = encode_answer(request, question.outputs, ranked)
            answered.append(ranked)
        return response

    def _ready(self, models: Sequence[ModelInfo]) -> bool:
        return not self._stopping and any(model.ready for model in models)

    def _model(self, name: str, version: str) -> ModelInfo:
        """The model asked for. Raises NotFound, or ModelUnavailable before the first verification."""
        models = self._info.models()
        if not models:
            raise ModelUnavailable("no version of the model was verified yet: wait for ServerReady")
        served = models[0]
        if name != served.identity.name:
            raise NotFound("model", name, f"the model served is {served.identity.name!r}")
        if version not in {"", served.identity.version}:
            raise NotFound("model version", version, f"served is {served.identity.version!r}: leave it out")
        return served


SERVED: Sequence[MethodDescriptor] = [
    method for method in SERVICE.methods if method.name in vars(OpenInferenceServicer)
]
"""The others (repository control, shared memory, streams) are UNIMPLEMENTED."""


def handlers(servicer: OpenInferenceServicer) -> "grpc.GenericRpcHandler[Any, Any]":
    """For ``server.add_generic_rpc_handlers``. The generated base class answers what is not served with a fault."""
    return grpc.method_handlers_generic_handler(
        SERVICE.full_name,
        {
            method.name: grpc.unary_unary_rpc_method_handler(
                getattr(servicer, method.name),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=GetMessageClass(method.output_type).SerializeToString,
            )
            for method in SERVED
        },
    )
