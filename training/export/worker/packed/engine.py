"""What the worker asks on a GPU: rows in, logits out. Knows weights by their file; imports nothing of the project."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import ClassVar

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from .attention import can_flash
from .batch import Array, PackedBatch, Row, pack
from .encoder import Architecture, Encoder
from .graphs import Forward, Size, StaticBatch, cuda_recorder, graph_sizes

WEIGHTS_FILE = "packed.safetensors"
CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Limits:
    """Of the model: tokens of a row, and for each input how many values it knows."""

    max_tokens: int
    values: Mapping[str, int]


@dataclass(frozen=True)
class Load:
    """The largest batch, and what makes it fast: ``graphs`` are recorded for small batches, ``compiled`` has
    torch.compile fuse what lies between the products, which needs a C compiler where it runs."""

    rows: int = 256
    tokens: int = 32768
    graphs: bool = True
    compiled: bool = False


class PackedEngine:
    """The interface of the worker's ``Graph``, without padding. One batch at a time."""

    packed: ClassVar[bool] = True
    runtime: ClassVar[str] = "PyTorch"
    errors: ClassVar[tuple[type[Exception], ...]] = (RuntimeError,)
    output: ClassVar[str] = "logit"
    width: ClassVar[int] = 1

    def __init__(self, encoder: Encoder, limits: Limits, device: torch.device, load: Load) -> None:
        self.max_tokens, self.values = limits.max_tokens, limits.values
        segments = ["token_type_ids"] if "token_type_ids" in limits.values else []
        self.inputs = ["input_ids", "attention_mask", *segments]
        self._padding_id = encoder.architecture.padding_id
        self._device = device
        self._forward: Forward = torch.compile(encoder.forward, dynamic=True) if load.compiled else encoder.forward
        self._lock = Lock()
        self._static: list[tuple[Size, StaticBatch]] = []
        with self.alone():
            if load.graphs and can_flash(device, encoder.precision, encoder.head_width):
                self._static = self._recorded(load.rows)
            self.run(self._largest(load))  # takes its memory now, not with the first callers

    def score(self, rows: Sequence[Row]) -> Array:
        """[R, 1] float32, in order. Raises what ``errors`` names."""
        batch = self.pack(rows)
        with self.alone():
            logits: Array = self.run(batch).cpu().numpy()
        return logits[:, None]

    def pack(self, rows: Sequence[Row]) -> PackedBatch:
        """The first step of ``score``."""
        return pack(rows, self._padding_id)

    def run(self, batch: PackedBatch) -> Tensor:
        """The second, only while ``alone``: [R] on the device, perhaps still being computed; the next overwrites it."""
        for size, static in self._static:
            if size.fits(batch):
                return static.run(batch)
        tokens, bounds = torch.from_numpy(batch.tokens_3t), torch.from_numpy(batch.bounds_r1)
        return self._forward(tokens.to(self._device), bounds.to(self._device), batch.longest)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """On this engine's card, without gradients, and no other thread meanwhile."""
        card = torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext()
        with self._lock, torch.inference_mode(), card:
            yield

    def _recorded(self, rows: int) -> list[tuple[Size, StaticBatch]]:
        record = cuda_recorder()
        sizes = graph_sizes(self.max_tokens, rows)
        return [(size, StaticBatch(self._forward, size, self._device, record)) for size in sizes]

    def _largest(self, load: Load) -> PackedBatch:
        length = min(self.max_tokens, load.tokens)
        rows = max(1, min(load.rows, load.tokens // length))
        ones = np.ones(length, np.int32)
        return self.pack([{name: ones if name != "token_type_ids" else ones * 0 for name in self.inputs}] * rows)


def open_engine(folder: Path, device: str, load: Load) -> PackedEngine:
    """Of a version folder with WEIGHTS_FILE and CONFIG_FILE. Raises OSError, KeyError for weights that are missing,
    ValueError for a family that is not known, RuntimeError where there is no such device or too little memory."""
    place = torch.device(device)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    with safe_open(folder / WEIGHTS_FILE, framework="pt", device=device) as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping: only keys()
        limits = json.loads(file.metadata()["limits"])
    encoder = Encoder(weights, Architecture.of(config))
    return PackedEngine(encoder, Limits(limits["max_tokens"], limits["values"]), place, load)
