"""Where a run computes, and in what precision that pays."""

import torch

_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""Of processors with instructions for products of bfloat16, the last one on Arm."""


def best_device(wanted: str) -> str:
    """Where to compute: "cpu" when that is wanted or there is nothing else."""
    return "cuda" if wanted == "auto" and torch.cuda.is_available() else "cpu"


def computes_bfloat16(device: str) -> bool:
    """Whether ``device`` has instructions for products of bfloat16. Without them a processor takes about twenty times
    as long as for fp32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities()
    return any(flags.get(name, False) for name in _BFLOAT16_FLAGS)
