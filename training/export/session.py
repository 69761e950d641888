"""Runs graphs outside Triton. Knows no model."""

from pathlib import Path

import onnxruntime


def open_session(graph: Path | bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the CPU with ``threads`` for one call (0: one per core). They sleep while they wait: on a busy
    machine spinning ones halve each other."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # On processors whose 8-bit products saturate ONNX Runtime computes others instead, as the serving worker has it do.
    options.add_session_config_entry("session.x64quantprecision", "1")
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
