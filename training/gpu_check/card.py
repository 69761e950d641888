"""The card under test: that it is there, what it is called, and how fast it multiplies. Must not know models."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.benchmark import Timer

from training.errors import NoAccelerator

PRODUCT_SIZE = 8192
"""Of the square matrices whose product measures the card."""


@dataclass(frozen=True, slots=True)
class Card:
    """A device, and its measured rate for bf16 products of ``product_size``³."""

    device: str
    name: str
    torch_version: str
    product_size: int
    bf16_flops: float


def find_device(wanted: str) -> torch.device:
    """``auto``: the first card. Raises NoAccelerator where there is none, or no such one."""
    if wanted == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise NoAccelerator(
            f"torch {torch.__version__} sees no NVIDIA GPU on this machine, and {wanted!r} asks for one",
            "run it where there is a GPU and a torch built for CUDA, or try the program itself: --device cpu --quick",
        )
    if not re.fullmatch(r"auto|cuda(:\d+)?", wanted):
        raise NoAccelerator(f"{wanted!r} is no device", "give --device auto, cuda, cuda:N or cpu")
    device = torch.device("cuda:0" if wanted in ("auto", "cuda") else wanted)
    if (device.index or 0) >= torch.cuda.device_count():
        raise NoAccelerator(
            f"there is no {wanted}; this machine has {torch.cuda.device_count()} GPUs", "give --device cuda:0"
        )
    return device


def measure_card(device: torch.device, product_size: int, least_s: float) -> Card:
    """Multiplies bf16 matrices for at least ``least_s`` seconds."""
    one, other = (torch.randn(product_size, product_size, device=device).bfloat16() for _ in range(2))
    seconds = seconds_per_call(lambda: one @ other, least_s)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return Card(str(device), name, torch.__version__, product_size, 2.0 * product_size**3 / seconds)


def seconds_per_call(call: Callable[[], object], least_s: float) -> float:
    """The mean over as many calls as fill ``least_s`` seconds. The current card is waited for once in many calls, so
    those that do not wait themselves queue up as in serving."""
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=least_s).mean
