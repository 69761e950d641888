"""A gRPC server that speaks as much of Triton as hosting a graph needs: load, infer on the graph loaded, unload."""

from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np
import onnxruntime
from tritonclient.grpc import service_pb2

Context = grpc.aio.ServicerContext[Any, Any]


class ScriptedTriton:
    """On 127.0.0.1. ``refuses``: answers no load. ``loaded``: graphs by model name now; ``batches``: rows of each
    request."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.loaded: dict[str, onnxruntime.InferenceSession] = {}
        self.configs: list[str] = []
        self.batches: list[int] = []
        self.server = grpc.aio.server()
        self.url = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        methods = {
            "RepositoryModelLoad": (self._load, service_pb2.RepositoryModelLoadRequest),
            "RepositoryModelUnload": (self._unload, service_pb2.RepositoryModelUnloadRequest),
            "ModelInfer": (self._infer, service_pb2.ModelInferRequest),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                method, request.FromString, lambda answer: answer.SerializeToString()
            )
            for name, (method, request) in methods.items()
        }
        service = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
        self.server.add_generic_rpc_handlers((service,))

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop(None)

    async def _load(self, request: Any, context: Context) -> Any:
        if self.refuses:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "explicit model load / unload is not allowed")
        self.configs.append(request.parameters["config"].string_param)
        graph = request.parameters["file:1/model.onnx"].bytes_param
        self.loaded[request.model_name] = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return service_pb2.RepositoryModelLoadResponse()

    async def _unload(self, request: Any, context: Context) -> Any:
        if self.loaded.pop(request.model_name, None) is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        return service_pb2.RepositoryModelUnloadResponse()

    async def _infer(self, request: Any, context: Context) -> Any:
        session = self.loaded[request.model_name]
        tensors = {
            told.name: np.frombuffer(raw, np.int32).reshape(list(told.shape))
            for told, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        [logits] = session.run(None, {node.name: tensors[node.name] for node in session.get_inputs()})
        self.batches.append(len(logits))
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        answer.outputs.add(name="logit", datatype="FP32", shape=[len(logits), 1])
        answer.raw_output_contents.append(np.asarray(logits, np.float32).tobytes())
        return answer
