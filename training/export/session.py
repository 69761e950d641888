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
    keep_precision(options)
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def keep_precision(options: onnxruntime.SessionOptions) -> None:
    """Has 8-bit products computed without overflow, whatever the processor."""
    if products_overflow():
        options.add_session_config_entry("session.x64quantprecision", "1")


# The serving worker's own, letter for letter (a test holds it): it can import nothing of ours, and needs Triton itself.
def products_overflow(cpu_info: str = "/proc/cpuinfo") -> bool:
    """Whether this x86 CPU multiplies uint8 by int8 with saturation, giving wrong sums: all without VNNI do. ONNX
    Runtime then stores the weights as uint8, which is slower and right."""
    info = Path(cpu_info)
    lines = info.read_text(encoding="ascii", errors="replace").splitlines() if info.is_file() else []
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return bool(flags) and not {"avx512_vnni", "avx_vnni"} & set(flags)
