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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

MASK, CARD = "attention_mask", "cuda:{}"
PADDING_SHARE, RUN_TOKENS = 0.05, 16
"""Of a micro-batch on a CPU at most this share is padding, or as many tokens as one more run of the graph costs."""
ASK_SECONDS = 0.05  # so long a request is not asked again whether it was cancelled: it is a call of Triton's process
Array = np.ndarray[Any, Any]


class RequestRefused(Exception):
    """A mistake of the caller."""


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
        sys.path[:0], sys.pycache_prefix = [str(folder)], os.devnull  # no compiled file counts: the manifest has none
        import_module("manifest").check_files(folder)
        self._graph: Graph = open_graph(folder, options, int(args["model_instance_device_id"]))
        self._options = replace(options, packed=self._graph.packed)
        self._meter = Meter(model=args["model_name"], version=args["model_version"])
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="micro-batch")

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response per request, in order. Never raises for what a request contains."""
        jobs = [Job(request, self._graph) for request in requests]
        computed = self._pool.map(self._run, micro_batches(jobs, self._options))
        self._meter.add([volumes(rows, self._options.packed) for rows in computed if rows])
        return [job.response(self._graph.output) for job in jobs]

    def finalize(self) -> None:
        """Ends the threads."""
        self._pool.shutdown()

    def _run(self, rows: list["Row"]) -> list["Row"]:
        """The rows that were computed."""
        for job in {id(row.job): row.job for row in rows}.values():
            job.notice_cancellation()
        if not (wanted := [row for row in rows if row.job.error is None]):
            return []
        try:
            results = self._graph.score([row.tensors(self._graph.inputs) for row in wanted])
        except self._graph.errors as fault:
            for row in wanted:
                row.job.fail(f"{self._graph.runtime} failed: {fault}", pb_utils.TritonError.INTERNAL)
            return []
        for row, result in zip(wanted, results, strict=True):
            row.job.results[row.index] = result
        return wanted


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
        workers = int(values.get("workers", "0")) or (1 if on_gpu else math.ceil(available_cores() / instances))
        rows, tokens = int(values.get("micro_batch_rows", "8")), int(values.get("micro_batch_tokens", "1024"))
        return cls(workers, rows, tokens, on_gpu, compiled=values.get("torch_compile", "0") == "1")


def available_cores() -> int:
    """Cores that this process may use: its affinity and, in a container, its quota."""
    cores = len(os.sched_getaffinity(0))
    file = Path("/sys/fs/cgroup/cpu.max")
    quota, period = file.read_text(encoding="ascii").split() if file.is_file() else ("max", "")
    return cores if quota == "max" else max(1, min(cores, math.ceil(int(quota) / int(period))))


def products_overflow(cpu_info: str = "/proc/cpuinfo") -> bool:
    """Whether this x86 CPU multiplies uint8 by int8 with saturation, giving wrong sums: all without VNNI do. ONNX
    Runtime then stores the weights as uint8, which is slower and right."""
    info = Path(cpu_info)
    lines = info.read_text(encoding="ascii", errors="replace").splitlines() if info.is_file() else []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return bool(flags) and not {"avx512_vnni", "avx_vnni"} & set(flags)


class Graph:
    """An ONNX Runtime session and the limits that the graph's metadata states. ``errors``: they have no base class."""

    packed, runtime = False, "ONNX Runtime"
    errors = tuple(one for one in vars(runtime_errors).values() if isinstance(one, type) and issubclass(one, Exception))

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
        return np.asarray(self._session.run([self.output], padded(rows, self.inputs))[0])


def open_graph(folder: Path, options: Options, device: int) -> Any:
    """ONNX Runtime's, or on a GPU the packed engine of the version: both have the same interface."""
    if not (options.on_gpu and (folder / "packed").is_dir()):
        return Graph(folder / "model.onnx", options, device)
    limits = (options.rows, options.tokens, options.compiled)
    return import_module("packed.opening").open_for_worker(folder, CARD.format(device), *limits)


def providers(options: Options, device: int) -> list[Any]:
    """Where the graph runs. An instance on a GPU never falls back to the CPU unseen."""
    if not options.on_gpu:
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in (available := onnxruntime.get_available_providers()):
        raise pb_utils.TritonModelException(
            f"KIND_GPU needs onnxruntime-gpu; this onnxruntime has {available}: install it or use KIND_CPU"
        )
    return [("CUDAExecutionProvider", {"device_id": device}), "CPUExecutionProvider"]


class Job:
    """One request: its tensors, what is known of its rows, and how it ended."""

    def __init__(self, request: Any, graph: Graph) -> None:
        self.request = request
        self.error: Any = None  # None: somebody waits for a result
        self._ask_at = 0.0
        try:
            self.tensors = read_tensors(request, graph.inputs)
            self.lengths = row_lengths(self.tensors[MASK])
            check_values(self.tensors, self.lengths, graph)
        except RequestRefused as refusal:
            self.fail(str(refusal), pb_utils.TritonError.INVALID_ARG)
            return
        self.results: Array = np.zeros((len(self.lengths), graph.width), np.float32)

    def fail(self, message: str, code: int) -> None:
        """The response becomes this error; the first one stays."""
        if self.error is None:
            self.error = pb_utils.TritonError(message, code)

    def notice_cancellation(self) -> None:
        """Fails where the caller has cancelled."""
        if self.error is None and monotonic() >= self._ask_at:
            self._ask_at = monotonic() + ASK_SECONDS
            if self.request.is_cancelled():
                self.fail("the caller cancelled the request", pb_utils.TritonError.CANCELLED)

    def response(self, output: str) -> Any:
        """Triton's answer."""
        outputs = [] if self.error else [pb_utils.Tensor(output, self.results)]
        return pb_utils.InferenceResponse(outputs, self.error)


@dataclass(frozen=True)
class Row:
    """One row of one request."""

    job: Job
    index: int
    length: int

    def tensors(self, names: Sequence[str]) -> dict[str, Array]:
        """Its inputs, each [length]."""
        return {name: self.job.tensors[name][self.index, : self.length] for name in names}


class Meter:
    """Counts on Triton's metrics port what the graph ran on. A counter is a message to Triton: one for each call."""

    def __init__(self, **labels: str) -> None:
        family, counter = pb_utils.MetricFamily, pb_utils.MetricFamily.COUNTER
        tokens = family(name="crossrank_worker_tokens_total", description="Tokens computed", kind=counter)
        runs = family(name="crossrank_worker_micro_batches_total", description="Runs of the graph", kind=counter)
        self._families = (tokens, runs)  # a metric ends with its family
        self._metrics = [tokens.Metric(labels={**labels, "kind": kind}) for kind in ("real", "padding")]
        self._metrics.append(runs.Metric(labels=labels))

    def add(self, batches: Sequence[tuple[int, int]]) -> None:
        """Real tokens and computed ones of each micro-batch of a call."""
        real, volume = (sum(tokens) for tokens in zip(*batches, strict=True)) if batches else (0, 0)
        for metric, amount in zip(self._metrics, (real, volume - real, len(batches)), strict=True):
            if amount:
                metric.increment(amount)


def volumes(rows: Sequence[Row], packed: bool) -> tuple[int, int]:
    """Tokens of the rows, and tokens that are computed: every row padded to the longest, unless they are packed."""
    real = sum(row.length for row in rows)
    return real, real if packed else max(row.length for row in rows) * len(rows)


def micro_batches(jobs: Sequence[Job], options: Options) -> Iterator[list[Row]]:
    """Rows of all open requests, longest first, in batches within the limits and with little padding. None is more than
    a thread's share of the rows that are left: the last ones are small, so that no thread waits long for another at the
    end (guided self-scheduling: Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987)."""
    rows = [Row(job, at, int(length)) for job in jobs if job.error is None for at, length in enumerate(job.lengths)]
    rows.sort(key=lambda row: -row.length)
    batch, share = list[Row](), 0
    for left, row in zip(range(len(rows), 0, -1), rows, strict=True):
        real, volume = volumes(longer := [*batch, row], options.packed)
        wasteful = not options.on_gpu and volume - real > max(RUN_TOKENS, PADDING_SHARE * volume)
        if batch and (len(longer) > share or volume > options.tokens or wasteful):
            yield batch
            batch, longer = [], [row]
        if not batch:
            share = min(options.rows, math.ceil(left / options.workers))
        batch = longer
    if batch:
        yield batch


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
    found = {name: pb_utils.get_input_tensor_by_name(request, name) for name in names}
    if missing := [name for name, tensor in found.items() if tensor is None]:
        raise RequestRefused(f"input {missing[0]} is missing; this model needs {list(names)}")
    tensors: dict[str, Array] = {name: tensor.as_numpy() for name, tensor in found.items()}
    first = (shapes := {name: list(tensor.shape) for name, tensor in tensors.items()})[MASK]
    if len(first) != 2 or any(shape != first for shape in shapes.values()):
        raise RequestRefused(f"inputs have shapes {shapes}; expected one common shape [pairs, tokens]")
    if min(first) < 1:
        raise RequestRefused(f"inputs have shape {first}; at least one pair and one token are needed")
    return tensors


def row_lengths(mask_nt: Array) -> Array:
    """Position behind the last real token of each row. Raises RequestRefused for other values than 0 and 1."""
    if ((mask_nt != 0) & (mask_nt != 1)).any():
        raise RequestRefused(f"{MASK} has values other than 0 and 1")
    if len(empty := np.flatnonzero(mask_nt.max(axis=1) == 0)):
        raise RequestRefused(f"row {empty[0]} has no token: its {MASK} is all 0")
    return np.asarray(mask_nt.shape[1] - np.argmax(mask_nt[:, ::-1], axis=1))


def check_values(tensors: Mapping[str, Array], lengths: Array, graph: Graph) -> None:
    """Raises RequestRefused where the graph would fail, and with it the requests beside this one."""
    if (longest := int(lengths.max())) > graph.max_tokens:
        raise RequestRefused(f"a row has {longest} tokens; at most {graph.max_tokens} fit this model")
    if graph.packed and not tensors[MASK][:, 0].all():
        raise RequestRefused(f"a row's first token has {MASK} 0; the head of this model reads it")
    real_nt = np.arange(tensors[MASK].shape[1]) < lengths[:, None]
    for name, end in graph.values.items():
        values = tensors[name][real_nt]
        if len(wrong := values[(values < 0) | (values >= end)]):
            raise RequestRefused(f"{name} has {wrong[0]}; this model knows 0 to {end - 1}")
