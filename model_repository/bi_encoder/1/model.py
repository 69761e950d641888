"""The worker that Triton's Python backend runs: ragged requests in, one model, rows back to their requests. The model
is an ONNX graph, or on a GPU what the version's `packed` package opens. Export copies this file into every model
version as `model.py`, so it must import nothing of the project.

A call of `execute` gets the requests of many callers, each with its own shape. Their rows are sorted by length and
run in micro-batches, so nobody pays for the padding of others. What is wrong with one request harms that one only.
"""

import json
import math
import os
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import triton_python_backend_utils as pb_utils
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

MASK = "attention_mask"
CARD = "cuda:{}"
Array = npt.NDArray[Any]
RUNTIME_ERRORS = tuple(
    kind for kind in vars(runtime_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
)
"""What ONNX Runtime raises: it has no common base class."""


class RequestRefused(Exception):
    """A request that cannot be scored, with Triton's error code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class TritonPythonModel:
    """Triton's interface. One instance has one graph and as many threads as it may use cores."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Opens the model of the version folder. An exception keeps the version from becoming ready."""
        if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1":
            raise pb_utils.TritonModelException(
                f"numpy {np.__version__} in Triton's Python worker empties every output; install numpy 1.26.4 there"
            )
        options = Options.read(json.loads(args["model_config"]), on_gpu=args["model_instance_kind"] == "GPU")
        folder = Path(args["model_repository"]) / args["model_version"]
        self._graph: Graph = open_graph(folder, options, int(args["model_instance_device_id"]))
        self._options = replace(options, packed=self._graph.packed)
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="micro-batch")

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order. Never raises for what a request contains."""
        jobs = [Job(request, self._graph) for request in requests]
        batches = list(micro_batches(jobs, self._options))
        list(self._pool.map(self._run, batches))
        return [job.response(self._graph.output) for job in jobs]

    def finalize(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _run(self, rows: list["Row"]) -> None:
        for job in {id(row.job): row.job for row in rows}.values():
            job.stop_if_cancelled()
        wanted = [row for row in rows if row.job.is_open]
        if not wanted:
            return
        try:
            results = self._graph.score([row.tensors(self._graph.inputs) for row in wanted])
        except self._graph.errors as fault:
            for row in wanted:
                row.job.fail(f"{self._graph.runtime} failed: {fault}", pb_utils.TritonError.INTERNAL)
            return
        for row, result in zip(wanted, results, strict=True):
            row.job.results[row.index] = result


@dataclass(frozen=True)
class Options:
    """The model's parameters. ``workers`` threads run micro-batches of at most ``rows`` pairs and ``tokens`` tokens."""

    workers: int
    rows: int
    tokens: int
    on_gpu: bool
    compiled: bool = False
    packed: bool = False  # there is no padding to be counted among the tokens

    @classmethod
    def read(cls, config: Mapping[str, Any], on_gpu: bool) -> "Options":
        """From the configuration that Triton passes; ``workers`` 0: the cores of this machine, shared by instances."""
        values = {name: entry["string_value"] for name, entry in config.get("parameters", {}).items()}
        instances = sum(int(group.get("count", 1)) for group in config.get("instance_group", [])) or 1
        workers = int(values.get("workers", "0")) or (1 if on_gpu else max(1, available_cores() // instances))
        rows, tokens = int(values.get("micro_batch_rows", "8")), int(values.get("micro_batch_tokens", "1024"))
        return cls(workers, rows, tokens, on_gpu, compiled=values.get("torch_compile", "0") == "1")


def available_cores() -> int:
    """Cores that this process may use: its affinity and, in a container, its quota."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))


def products_overflow(cpu_info: str = "/proc/cpuinfo") -> bool:
    """Whether this x86 CPU multiplies uint8 by int8 with saturation, giving wrong sums: all without VNNI do.

    ONNX Runtime then stores the weights as uint8, which is slower and right.
    """
    try:
        text = Path(cpu_info).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    return bool(flags) and not {"avx512_vnni", "avx_vnni"} & set(flags)


class Graph:
    """An ONNX Runtime session and the limits that the graph's metadata states."""

    packed, runtime, errors = False, "ONNX Runtime", RUNTIME_ERRORS

    def __init__(self, file: Path, options: Options, device: int) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        if products_overflow():
            settings.add_session_config_entry("session.x64quantprecision", "1")
        self._session = onnxruntime.InferenceSession(str(file), settings, providers=providers(options, device))
        self.inputs = [node.name for node in self._session.get_inputs()]
        self.output = self._session.get_outputs()[0].name
        self.width = int(self._session.get_outputs()[0].shape[1])
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.max_tokens = int(metadata["max_tokens"])
        self.values = {name: int(metadata[f"{name}.values"]) for name in self.inputs if f"{name}.values" in metadata}

    def score(self, rows: Sequence[Mapping[str, Array]]) -> Array:
        """[rows, width] float32, of rows of any lengths."""
        return self.run(padded(rows, self.inputs))

    def run(self, feed: dict[str, Array]) -> Array:
        """[rows, width] float32."""
        result: Array = self._session.run([self.output], feed)[0]
        return result


def open_graph(folder: Path, options: Options, device: int) -> Any:
    """ONNX Runtime's, or on a GPU the packed engine of the version: both have the same interface."""
    if not (options.on_gpu and (folder / "packed").is_dir()):
        return Graph(folder / "model.onnx", options, device)
    sys.path.insert(0, str(folder))
    opening = import_module("packed.opening")
    return opening.open_for_worker(folder, CARD.format(device), options.rows, options.tokens, options.compiled)


def providers(options: Options, device: int) -> list[Any]:
    """Where the graph runs. An instance on a GPU never falls back to the CPU unseen."""
    if not options.on_gpu:
        return ["CPUExecutionProvider"]
    available = onnxruntime.get_available_providers()
    if "CUDAExecutionProvider" not in available:
        raise pb_utils.TritonModelException(
            f"KIND_GPU needs onnxruntime-gpu; this onnxruntime has {available}: install it or use KIND_CPU"
        )
    return [("CUDAExecutionProvider", {"device_id": device}), "CPUExecutionProvider"]


class Job:
    """One request: its tensors, what is known of its rows, and how it ended."""

    def __init__(self, request: Any, graph: Graph) -> None:
        self._request = request
        self._error: Any = None
        try:
            self.tensors = read_tensors(request, graph.inputs)
            self.lengths = row_lengths(self.tensors[MASK])
            check_values(self.tensors, self.lengths, graph)
        except RequestRefused as refusal:
            self.fail(str(refusal), refusal.code)
            return
        self.results: Array = np.zeros((len(self.lengths), graph.width), np.float32)

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits for a result."""
        return self._error is None

    def fail(self, message: str, code: int) -> None:
        """The response becomes this error; the first one stays."""
        if self._error is None:
            self._error = pb_utils.TritonError(message, code)

    def stop_if_cancelled(self) -> None:
        """Asks Triton whether the caller has left."""
        if self.is_open and self._request.is_cancelled():
            self.fail("the caller cancelled the request", pb_utils.TritonError.CANCELLED)

    def response(self, output: str) -> Any:
        """Triton's answer."""
        if self._error is not None:
            return pb_utils.InferenceResponse(error=self._error)
        return pb_utils.InferenceResponse([pb_utils.Tensor(output, self.results)])


@dataclass(frozen=True)
class Row:
    """One row of one request."""

    job: Job
    index: int
    length: int

    def tensors(self, names: Sequence[str]) -> dict[str, Array]:
        """Its inputs, each [length]."""
        return {name: self.job.tensors[name][self.index, : self.length] for name in names}


def micro_batches(jobs: Sequence[Job], options: Options) -> Iterator[list[Row]]:
    """Rows of all open requests, longest first, in batches within the limits; enough batches for every thread."""
    rows = [Row(job, index, int(length)) for job in jobs if job.is_open for index, length in enumerate(job.lengths)]
    rows.sort(key=lambda row: -row.length)
    most = min(options.rows, math.ceil(len(rows) / options.workers))
    start = 0
    while start < len(rows):
        lengths = [row.length for row in rows[start : start + most]]
        packed_fit = bisect_right(list(accumulate(lengths)), options.tokens)
        fitting = max(1, packed_fit if options.packed else min(most, options.tokens // lengths[0]))
        yield rows[start : start + fitting]
        start += fitting


def padded(rows: Sequence[Mapping[str, Array]], names: Sequence[str]) -> dict[str, Array]:
    """The graph's inputs, INT32 [rows, longest], zero behind each row's end."""
    longest = max(len(row[MASK]) for row in rows)
    feed = {name: np.zeros((len(rows), longest), np.int32) for name in names}
    for place, row in enumerate(rows):
        for name, tensor in feed.items():
            tensor[place, : len(row[name])] = row[name]
    return feed


def read_tensors(request: Any, names: Sequence[str]) -> dict[str, Array]:
    """INT32 [n, T] for each input of the graph. Raises RequestRefused."""
    tensors = {}
    for name in names:
        tensor = pb_utils.get_input_tensor_by_name(request, name)
        if tensor is None:
            raise refused(f"input {name} is missing; this model needs {list(names)}")
        tensors[name] = tensor.as_numpy()
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    first = shapes[MASK]
    if len(first) != 2 or any(shape != first for shape in shapes.values()):
        raise refused(f"inputs have shapes {shapes}; expected one common shape [pairs, tokens]")
    if min(first) < 1:
        raise refused(f"inputs have shape {first}; at least one pair and one token are needed")
    return tensors


def row_lengths(mask_nt: Array) -> Array:
    """Position behind the last real token of each row. Raises RequestRefused for other values than 0 and 1."""
    if ((mask_nt != 0) & (mask_nt != 1)).any():
        raise refused(f"{MASK} has values other than 0 and 1")
    empty = np.flatnonzero(mask_nt.max(axis=1) == 0)
    if len(empty):
        raise refused(f"row {empty[0]} has no token: its {MASK} is all 0")
    lengths: Array = mask_nt.shape[1] - np.argmax(mask_nt[:, ::-1], axis=1)
    return lengths


def check_values(tensors: Mapping[str, Array], lengths: Array, graph: Graph) -> None:
    """Raises RequestRefused where the graph would fail, and with it the requests beside this one."""
    longest = int(lengths.max())
    if longest > graph.max_tokens:
        raise refused(f"a row has {longest} tokens; at most {graph.max_tokens} fit this model")
    if graph.packed and not tensors[MASK][:, 0].all():
        raise refused(f"a row's first token has {MASK} 0; the head of this model reads it")
    real_nt = np.arange(tensors[MASK].shape[1]) < lengths[:, None]
    for name, end in graph.values.items():
        values = tensors[name][real_nt]
        wrong = values[(values < 0) | (values >= end)]
        if len(wrong):
            raise refused(f"{name} has {wrong[0]}; this model knows 0 to {end - 1}")


def refused(message: str) -> RequestRefused:
    """A mistake of the caller."""
    return RequestRefused(message, pb_utils.TritonError.INVALID_ARG)
