"""Pairs per second of the packed engine's modes, and of transformers with padding. Must not know what is reported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from transformers import PreTrainedModel

from training.export.packed_weights import HALF
from training.export.worker.packed.batch import Row
from training.export.worker.packed.engine import Load
from training.gpu_check.batches import batches
from training.gpu_check.card import Card, seconds_per_call
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import Shape


class Mode(StrEnum):
    """How a batch is computed."""

    PLAIN = "packed"
    GRAPHS = "packed, CUDA graphs"
    COMPILED = "packed, CUDA graphs, torch.compile"
    PADDED = "transformers, padded"


ENGINE_MODES = {
    Mode.PLAIN: Load(graphs=False),
    Mode.GRAPHS: Load(),
    Mode.COMPILED: Load(compiled=True),
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured. ``loads``: batches by name, as tokens and rows at most."""

    loads: tuple[tuple[str, int, int], ...]
    least_s: float


FULL = Effort((("one request", 1024, 32), ("full batch", 32768, 256)), 0.3)
QUICK = Effort((("full batch", 512, 8),), 0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One measurement. ``pairs_per_s`` is the worker's: rows in, logits out, with packing and copies; on the card alone
    it is ``card_pairs_per_s``. ``share`` is of the card's measured bf16 rate, for the operations that a pair needs."""

    model: str
    mode: Mode
    precision: str
    batch: str
    lengths: str
    pairs: int
    tokens: int
    pairs_per_s: float
    card_pairs_per_s: float | None
    share: float


def measure_speed(shape: Shape, card: Card, modes: Sequence[Mode], effort: Effort) -> Iterator[Speed]:
    """All measurements of one shape. Raises RuntimeError for a mode that cannot run on this machine."""
    model, device = shape.build(), torch.device(card.device)
    for mode in modes:
        for name, precision in HALF.items():
            timed = (
                _padded(model, precision, device) if mode is Mode.PADDED else _packed(model, precision, device, mode)
            )
            for batch, tokens, rows in effort.loads:
                for work in batches(tokens, rows, shape.max_tokens, shape.vocabulary, shape.segments):
                    seconds, card_seconds = timed(work.rows, effort.least_s)
                    flop, pairs = sum(map(shape.flop, work.lengths)), len(work.rows)
                    yield Speed(
                        model=shape.name,
                        mode=mode,
                        precision=name,
                        batch=batch,
                        lengths=work.name,
                        pairs=pairs,
                        tokens=sum(work.lengths),
                        pairs_per_s=pairs / seconds,
                        card_pairs_per_s=pairs / card_seconds if card_seconds else None,
                        share=flop / seconds / card.bf16_flops,
                    )


Timed = Callable[[list[Row], float], tuple[float, float | None]]
"""Rows and the least time to seconds of a batch: of the worker, and of the card alone."""


def _packed(model: PreTrainedModel, precision: torch.dtype, device: torch.device, mode: Mode) -> Timed:
    engine = build_engine(model, precision, device, ENGINE_MODES[mode])

    def timed(rows: list[Row], least_s: float) -> tuple[float, float | None]:
        batch = engine.pack(rows)
        seconds = seconds_per_call(lambda: engine.score(rows), device, least_s)
        with engine.alone():
            return seconds, seconds_per_call(lambda: engine.run(batch), device, least_s)

    return timed


def _padded(model: PreTrainedModel, precision: torch.dtype, device: torch.device) -> Timed:
    """As most servers do it; the model changes its place and precision."""
    module = torch.nn.Module.to(model, device=device, dtype=precision)
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (model.config.type_vocab_size > 1)

    @torch.inference_mode()
    def score(rows: list[Row]) -> object:
        longest = max(len(row["input_ids"]) for row in rows)
        feed = {name: np.zeros((len(rows), longest), np.int64) for name in names}
        for place, row in enumerate(rows):
            for name, tensor in feed.items():
                tensor[place, : len(row[name])] = row[name]
        return module(**{name: torch.from_numpy(one).to(device) for name, one in feed.items()}).logits.cpu()

    def timed(rows: list[Row], least_s: float) -> tuple[float, float | None]:
        return seconds_per_call(lambda: score(rows), device, least_s), None

    return timed
