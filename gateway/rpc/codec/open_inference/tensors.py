"""Tensors on the wire: BYTES tensors read with every check of their form, numbers written. Knows no meaning of them.

Form: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol (tensor data, raw contents).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2

from gateway.domain.checks import Checks, shown
from gateway.domain.rules import CountRule

BYTES = "BYTES"
_LENGTH_BYTES = 4
_NUMPY_TYPES = {"FP32": "<f4", "INT32": "<i4"}


class TensorMalformed(Exception):
    """The bytes of a tensor are not what its shape says; the message is a violation's description."""


def read_bytes_tensors(checks: Checks, request: Any, counts: Mapping[str, CountRule]) -> dict[str, list[bytes]]:
    """The elements of every input by name; ``counts`` names the inputs there are and how many elements each may have.

    Inputs with a fault are noted and left out, so that others are still checked.
    """
    if not checks.count("inputs", len(request.inputs), CountRule(1, len(counts), "tensors")):
        return {}
    checks.unique("inputs", ".name", [tensor.name for tensor in request.inputs])
    raws = _raw_contents(checks, request)
    if raws is None:
        return {}
    read: dict[str, list[bytes]] = {}
    for place, tensor in enumerate(request.inputs):
        rule = counts.get(tensor.name)
        if rule is None:
            known = ", ".join(counts)
            checks.fault(f"inputs[{place}].name", f"received {shown(tensor.name)}; one of {known}: choose one")
        elif _form_is_right(checks, tensor, rule):
            try:
                read[tensor.name] = _elements(tensor, raws[place])
            except TensorMalformed as fault:
                checks.fault(f"inputs[{tensor.name}]", str(fault))
    return read


def write_tensor(name: str, datatype: str, values: Sequence[float]) -> tuple[Any, bytes]:
    """An output tensor of one axis, FP32 or INT32, and its raw contents."""
    tensor = service_pb2.ModelInferResponse.InferOutputTensor(name=name, datatype=datatype, shape=[len(values)])
    return tensor, np.asarray(values, _NUMPY_TYPES[datatype]).tobytes()


def _raw_contents(checks: Checks, request: Any) -> Sequence[bytes | None] | None:
    """Per input its raw contents, or None where the values stand in the input itself; None when the number is wrong."""
    raws = request.raw_input_contents
    if not raws:
        return [None] * len(request.inputs)
    if len(raws) != len(request.inputs):
        checks.fault(
            "raw_input_contents",
            f"received {len(raws)} for {len(request.inputs)} inputs; one for each, in their order: send all or none",
        )
        return None
    return list(raws)


def _form_is_right(checks: Checks, tensor: Any, rule: CountRule) -> bool:
    path = f"inputs[{tensor.name}]"
    if tensor.parameters:
        name = shown(next(iter(tensor.parameters)))
        checks.fault(f"{path}.parameters", f"received {name}; none (no shared memory here): leave it out")
        return False
    if tensor.datatype != BYTES:
        checks.fault(f"{path}.datatype", f"received {shown(tensor.datatype)}; {BYTES}: send texts as bytes in UTF-8")
        return False
    if len(tensor.shape) != 1:
        checks.fault(f"{path}.shape", f"received {len(tensor.shape)} axes; 1: send [number of {rule.noun}]")
        return False
    return checks.count(f"{path}.shape", tensor.shape[0], rule)


def _elements(tensor: Any, raw: bytes | None) -> list[bytes]:
    """As many as the shape says. Raises TensorMalformed."""
    wanted = int(tensor.shape[0])
    if raw is None:
        given = list(tensor.contents.bytes_contents)
        if len(given) != wanted:
            raise TensorMalformed(
                f"received {len(given)} elements in contents.bytes_contents; {wanted} as its shape says: send as many"
            )
        return given
    if tensor.HasField("contents"):
        raise TensorMalformed("received contents beside raw_input_contents; one of both: leave the contents out")
    return _split(raw, wanted)


def _split(raw: bytes, wanted: int) -> list[bytes]:
    """Elements that each follow their length (4 bytes, little-endian). Raises TensorMalformed."""
    elements: list[bytes] = []
    start = 0
    while len(elements) < wanted:
        begin = start + _LENGTH_BYTES
        length = int.from_bytes(raw[start:begin], "little")
        if begin + length > len(raw):
            raise TensorMalformed(
                f"received {len(raw)} raw bytes, which end inside element {len(elements)} of the {wanted} that its "
                f"shape says: send each element after its length (4 bytes, little-endian)"
            )
        elements.append(raw[begin : begin + length])
        start = begin + length
    if start != len(raw):
        raise TensorMalformed(
            f"received {len(raw)} raw bytes; its shape says {wanted} elements, which end at {start}: correct the shape"
        )
    return elements
