"""Runs graphs outside Triton. Knows no model."""

import re
from pathlib import Path

import onnxruntime

CPU_FLAGS = Path("/proc/cpuinfo")


def open_session(graph: Path | bytes, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the CPU with ``threads`` for one call (0: one per core). They sleep while they wait: on a busy
    machine spinning ones halve each other."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    keep_precision(options)
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def keep_precision(options: onnxruntime.SessionOptions) -> None:
    """Has 8-bit products computed without overflow, whatever the processor."""
    options.add_session_config_entry("session.x64quantprecision", "1" if saturates(CPU_FLAGS) else "0")


def saturates(cpu_flags: Path) -> bool:
    """Whether 8-bit products may overflow: on x86 without VNNI. ONNX Runtime is told there, as by the serving worker,
    to compute others; where there is VNNI these would take half as long again for the same logits."""
    try:
        return not re.search(r"\bavx(512)?_vnni\b", cpu_flags.read_text(encoding="utf-8"))
    except OSError:
        return True
