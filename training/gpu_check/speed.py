"""Pairs per second of the packed engine's modes, and of transformers with padding. Must not know what is reported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PretrainedConfig, PreTrainedModel

from training.export.packed_weights import HALF, model_limits
from training.export.worker.packed.batch import Row
from training.export.worker.packed.engine import Load, PackedEngine
from training.gpu_check.batches import batches
from training.gpu_check.card import Card, seconds_per_call
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import build, flop


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


def measure_speed(name: str, shape: PretrainedConfig, card: Card, mode: Mode, effort: Effort) -> Iterator[Speed]:
    """All measurements of one shape, called ``name``. Raises RuntimeError for a mode that cannot run on this
    machine."""
    model, device = build(shape), torch.device(card.device)
    for precision, dtype in HALF.items():
        engine = None if mode is Mode.PADDED else build_engine(model, dtype, device, ENGINE_MODES[mode])
        score = engine.score if engine else _padded(model, dtype, device)
        for batch, tokens, most_rows in effort.loads:
            for lengths, rows in batches(tokens, most_rows, model_limits(model)).items():
                seconds = seconds_per_call(partial(score, rows), effort.least_s)
                sizes = [len(row["input_ids"]) for row in rows]
                yield Speed(
                    model=name,
                    mode=mode,
                    precision=precision,
                    batch=batch,
                    lengths=lengths,
                    pairs=len(rows),
                    tokens=sum(sizes),
                    pairs_per_s=len(rows) / seconds,
                    card_pairs_per_s=len(rows) / _seconds_alone(engine, rows, effort.least_s) if engine else None,
                    share=sum(flop(shape, size) for size in sizes) / seconds / card.bf16_flops,
                )


def _seconds_alone(engine: PackedEngine, rows: list[Row], least_s: float) -> float:
    """Of a batch on the card, without packing and copies."""
    batch = engine.pack(rows)
    with engine.alone():
        return seconds_per_call(lambda: engine.run(batch), least_s)


def _padded(model: PreTrainedModel, precision: torch.dtype, device: torch.device) -> Callable[[list[Row]], object]:
    """As most servers do it; the model changes its place and precision."""
    module = torch.nn.Module.to(model, device=device, dtype=precision)
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (model.config.type_vocab_size > 1)

    @torch.inference_mode()
    def score(rows: list[Row]) -> object:
        columns = {name: [torch.from_numpy(row[name]) for row in rows] for name in names}
        padded = {name: pad_sequence(tensors, batch_first=True).long() for name, tensors in columns.items()}
        return module(**{name: tensor.to(device) for name, tensor in padded.items()}).logits.cpu()

    return score
