"""Requests of the open inference protocol, legal and with one thing wrong."""

from collections.abc import Sequence
from typing import Any

from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.gateway.rpc.rig import Rig


def infer_request(**tensors: Sequence[str]) -> Any:
    """A request with its values in the inputs themselves."""
    return service_pb2.ModelInferRequest(
        model_name="cross_encoder",
        inputs=[
            {
                "name": name,
                "datatype": "BYTES",
                "shape": [len(values)],
                "contents": {"bytes_contents": [value.encode() for value in values]},
            }
            for name, values in tensors.items()
        ],
    )


def stub(rig: Rig) -> Any:
    return service_pb2_grpc.GRPCInferenceServiceStub(rig.channel)


def raw(*elements: bytes) -> bytes:
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def changed(**changes: Any) -> Any:
    """A legal request with fields of its second input (items) replaced."""
    request = infer_request(context=["x"], items=["a", "b"])
    if "contents" in changes:
        request.inputs[1].ClearField("contents")
    request.inputs[1].MergeFrom(service_pb2.ModelInferRequest.InferInputTensor(**changes))
    return request


def with_raw(*contents: bytes, elements: int = 2) -> Any:
    """A request with raw contents; its items' shape says ``elements``."""
    request = infer_request(context=["x"], items=["a"] * elements)
    for tensor in request.inputs:
        tensor.ClearField("contents")
    request.raw_input_contents.extend(contents)
    return request


def with_parameter(name: str, **value: Any) -> Any:
    request = infer_request(context=["x"], items=["a"])
    request.parameters[name].MergeFrom(service_pb2.InferParameter(**value))
    return request
