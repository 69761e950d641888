"""The `config.pbtxt` of a model: from the graph's own signature and a few serving options. Knows no weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInput

from training.export.graph.export import LOGIT

WARMUP_FILE = "ones"
"""In the model's `warmup` folder: INT32 ones, since an attention mask of zeros is refused."""
WARMUP_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """How a model is served. The defaults know nothing of a machine: the worker counts cores when it is loaded.

    One instance is one process with its own copy of the weights; its ``workers`` threads share that copy. ``workers`` 0
    is one thread per core, split among the instances. There is one instance: two of one thread each bear more on two
    cores (3 to 13 % more pairs/s), but a list of 25 alone then takes 1.6 times as long, since one thread computes it.
    """

    device: Literal["cpu", "gpu"] = "cpu"
    instances: int = 1
    workers: int = 0
    max_batch_pairs: int = 64
    micro_batch_rows: int = 8
    micro_batch_tokens: int = 1024
    max_queue_delay_us: int = 200
    torch_compile: bool = False
    """Of the packed engine on a GPU. Needs a C compiler and a folder to write to where Triton runs."""

    @classmethod
    def for_gpu(cls) -> "ServingOptions":
        """One instance per visible GPU, batches that fill it."""
        return cls(device="gpu", workers=1, max_batch_pairs=256, micro_batch_rows=256, micro_batch_tokens=32768)


@dataclass(frozen=True, slots=True)
class Signature:
    """What goes into a graph and what comes out."""

    inputs: tuple[str, ...]
    output: str
    width: int

    @classmethod
    def of(cls, graph_file: Path) -> "Signature":
        """Reads a graph's inputs and its one output [B, width]."""
        graph = onnx.load(graph_file, load_external_data=False).graph
        (output,) = graph.output
        width = output.type.tensor_type.shape.dim[1].dim_value
        return cls(tuple(one.name for one in graph.input), output.name, width)

    def triton_inputs(self) -> tuple[str, ...]:
        """A cross-encoder's callers may always send segments; a graph without an input for them ignores them."""
        segments = ("token_type_ids",) if self.output == LOGIT and "token_type_ids" not in self.inputs else ()
        return self.inputs + segments


def model_config(
    name: str, signature: Signature, options: ServingOptions, parameters: Mapping[str, str]
) -> ModelConfig:
    """The configuration of one model. ``parameters`` are published with it, beside those of the worker."""
    config = ModelConfig(name=name, backend="python", max_batch_size=options.max_batch_pairs)
    config.input.extend(_input(one, optional=one not in signature.inputs) for one in signature.triton_inputs())
    config.output.add(name=signature.output, data_type=DataType.TYPE_FP32, dims=[signature.width])
    kind = "KIND_GPU" if options.device == "gpu" else "KIND_CPU"
    config.instance_group.add(kind=kind, count=options.instances)
    config.version_policy.latest.num_versions = 2
    # No queue policy (priorities, timeouts, a limit): with any of them Triton prepares no batch ahead, and a queue that
    # nobody adds to waits up to 500 ms for an instance that is free (core, DynamicBatchScheduler). The gateway limits
    # work, orders it by priority, and cancels what is late.
    config.dynamic_batching.max_queue_delay_microseconds = options.max_queue_delay_us
    _add_warmup(config, 1)
    _add_warmup(config, options.max_batch_pairs)
    own = {
        "workers": options.workers,
        "micro_batch_rows": options.micro_batch_rows,
        "micro_batch_tokens": options.micro_batch_tokens,
    }
    if options.device == "gpu":
        own["torch_compile"] = int(options.torch_compile)
    for key, value in sorted({**own, **parameters}.items()):
        config.parameters[key].string_value = str(value)
    return config


def to_text(config: ModelConfig) -> str:
    """As it stands in `config.pbtxt`."""
    header = "# Written by training.export: change the options there, or this file before Triton starts.\n"
    return header + text_format.MessageToString(config)


def read_config(file: Path) -> ModelConfig:
    """A `config.pbtxt`. Raises OSError, or ParseError of protobuf's text format."""
    return text_format.Parse(file.read_text(encoding="utf-8"), ModelConfig())


def _input(name: str, optional: bool) -> ModelInput:
    return ModelInput(name=name, data_type=DataType.TYPE_INT32, dims=[-1], allow_ragged_batch=True, optional=optional)


def _add_warmup(config: ModelConfig, pairs: int) -> None:
    warmup = config.model_warmup.add(name=f"{pairs} pairs", batch_size=pairs)
    for tensor in config.input:
        sample = warmup.inputs[tensor.name]
        sample.data_type, sample.input_data_file = tensor.data_type, WARMUP_FILE
        sample.dims.append(WARMUP_TOKENS)
