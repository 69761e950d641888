"""A stand-in for `triton_python_backend_utils`, which exists inside Triton only, and tiny graphs for the worker."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
KNOWN_IDS, MAX_TOKENS = 1000, 64
BROKEN_FROM = 900
"""Ids from here on pass the worker's checks and make the graph itself fail."""
NAN_ID = 13


class TritonError:
    """An error response."""

    INTERNAL, INVALID_ARG, CANCELLED = 1, 3, 7

    def __init__(self, message: str, code: int = INTERNAL) -> None:
        self.message, self.code = message, code


class TritonModelException(Exception):
    """Keeps a model from loading."""


@dataclass
class Tensor:
    """A named array."""

    name: str
    array: Array

    def as_numpy(self) -> Array:
        """The array."""
        return self.array


@dataclass
class InferenceResponse:
    """Tensors or an error."""

    output_tensors: list[Tensor] = field(default_factory=list)
    error: TritonError | None = None


@dataclass
class Request:
    """Inputs by name; ``cancelled`` is asked whenever the worker asks."""

    inputs: Mapping[str, Array]
    cancelled: Callable[[], bool] = lambda: False

    def is_cancelled(self) -> bool:
        """Whether the caller has left."""
        return self.cancelled()


def get_input_tensor_by_name(request: Request, name: str) -> Tensor | None:
    """The input, or None."""
    array = request.inputs.get(name)
    return None if array is None else Tensor(name, array)


class MetricFamily:
    """Counters by labels. ``counted`` has all values of this stand-in, under name and labels."""

    COUNTER = "counter"
    counted: ClassVar[dict[tuple[str, ...], float]] = {}

    def __init__(self, name: str, description: str, kind: str) -> None:
        assert description
        assert kind == self.COUNTER
        self.name = name

    def Metric(self, labels: Mapping[str, str]) -> "Metric":  # noqa: N802 — Triton's spelling
        """A counter at 0."""
        key = (self.name, *(f"{label}={value}" for label, value in sorted(labels.items())))
        self.counted[key] = 0
        return Metric(key)


@dataclass
class Metric:
    """One counter."""

    key: tuple[str, ...]

    def increment(self, amount: float) -> None:
        """Counters only grow."""
        assert amount > 0
        MetricFamily.counted[self.key] += amount


@contextmanager
def worker_module() -> Iterator[Any]:
    """`training.export.worker.model`, imported with this stand-in."""
    utils = ModuleType("triton_python_backend_utils")
    for one in (TritonError, TritonModelException, Tensor, InferenceResponse, MetricFamily, get_input_tensor_by_name):
        setattr(utils, one.__name__, one)
    sys.modules[utils.__name__] = utils
    places, prefix = list(sys.path), sys.pycache_prefix
    try:
        yield importlib.import_module("training.export.worker.model")
    finally:
        sys.path[:], sys.pycache_prefix = places, prefix
        sys.modules.pop("manifest", None)
        del sys.modules[utils.__name__]
        sys.modules.pop("training.export.worker.model", None)


def checksum_graph(file: Path, shift: float = 0.0) -> Path:
    """logit = Σ id · (position + 1) of the real tokens, + shift: any swapped row, cut token or leaked padding shows.

    A row whose sum is NAN_ID gives NaN; ids from BROKEN_FROM on are outside a table and make the graph fail.
    """
    positions = np.arange(1, MAX_TOKENS + 1, dtype=np.float32)
    constants = {
        "positions": positions,
        "table": np.arange(BROKEN_FROM, dtype=np.float32),
        "nan": np.array(np.nan, np.float32),
        "nan_sum": np.array(NAN_ID, np.float32),
        "zero": np.array([0]),
        "one": np.array([1]),
        "last": np.array([1]),
        "shift": np.array(shift, np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["values"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Shape", ["input_ids"], ["tokens"], start=1, end=2),
        helper.make_node("Slice", ["positions", "zero", "tokens"], ["weights"]),
        helper.make_node("Mul", ["values", "mask"], ["real"]),
        helper.make_node("Mul", ["real", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "last"], ["sum"], keepdims=1),
        helper.make_node("Equal", ["sum", "nan_sum"], ["is_nan"]),
        helper.make_node("Where", ["is_nan", "nan", "sum"], ["checked"]),
        helper.make_node("Add", ["checked", "shift"], ["logit"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    graph = helper.make_graph(
        nodes,
        "checksum",
        inputs,
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {"max_tokens": str(MAX_TOKENS), "input_ids.values": str(KNOWN_IDS)})
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return file


def checksums(input_ids: Array, attention_mask: Array) -> Array:
    """What the graph of ``checksum_graph`` must answer: [n, 1]."""
    positions = np.arange(1, input_ids.shape[1] + 1)
    sums: Array = (input_ids * attention_mask * positions).sum(axis=1, keepdims=True).astype(np.float32)
    return sums
