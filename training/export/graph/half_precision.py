"""fp32 graph to fp16, for GPUs: weights and products in half precision, inputs and logits as before.
Knows no Triton."""

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16


def to_half(fp32_graph: Path, destination: Path) -> Path:
    """Writes the fp16 form of a graph of ``training.export.graph.export``. Returns ``destination``.

    On a CPU, ONNX Runtime computes it in fp32: half the file, no time saved.
    """
    half = convert_float_to_float16(onnx.load(fp32_graph), keep_io_types=True)
    onnx.save(half, destination)
    return destination
