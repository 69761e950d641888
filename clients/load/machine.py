"""The machine and the versions that numbers belong to. Must not measure."""

import os
import platform
from importlib import metadata
from pathlib import Path

import psutil

_PACKAGES = (
    "torch",
    "transformers",
    "sentence-transformers",
    "onnxruntime",
    "tritonclient",
    "nvidia-pytriton",
    "grpcio",
)
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")


def describe_machine(cpu_info: Path = Path("/proc/cpuinfo")) -> dict[str, object]:
    """Processor, cores, memory, and how busy it was before the run."""
    fields: dict[str, str] = {}
    if cpu_info.exists():
        for line in cpu_info.read_text(encoding="ascii", errors="replace").splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    known = set(fields.get("flags", "").split())
    return {
        "processor": fields.get("model name", platform.processor()),
        "instructions": [flag for flag in _FLAGS if flag in known],
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": [round(one, 2) for one in os.getloadavg()],
        "system": platform.platform(),
    }


def describe_versions() -> dict[str, str]:
    """Of Python and of the packages that compute here; "absent" for one that is not installed."""
    found = {"python": platform.python_version(), "perf_analyzer": "tritonclient 2.51.0"}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
