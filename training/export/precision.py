"""In which form a model is served. Imports nothing heavy: the command line reads the choices from here."""

from enum import StrEnum


class Precision(StrEnum):
    """Of the weights: fp16 and bf16 pay on GPUs, int8 on CPUs."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


class Device(StrEnum):
    """Where Triton's instances run."""

    CPU = "cpu"
    GPU = "gpu"
