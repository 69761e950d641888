"""How far half precision moves a real model's logits and lists, and whether a batch does. Must not know clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from gateway.encoding.bundle import open_bundle
from gateway.encoding.render import ContextFields
from training.export.compare import Agreement, Logits, agreement
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.export.packed_weights import HALF, model_limits, packed_weights, row_of
from training.export.worker.packed.batch import Row
from training.export.worker.packed.encoder import Architecture, Encoder
from training.export.worker.packed.engine import Load, PackedEngine
from training.release.repository.recover import recover_cross_encoder

SMALL = Load(rows=1, tokens=64, graphs=False)


@dataclass(frozen=True, slots=True)
class HalfExactness:
    """The packed engine in one precision, against transformers in fp32 on the CPU, one pair at a time.

    ``batch_mates``: the largest difference between a pair's logit alone and among the others of all lists.
    """

    precision: str
    agreement: Agreement
    batch_mates: float


def build_engine(model: PreTrainedModel, precision: torch.dtype, device: torch.device, load: Load) -> PackedEngine:
    """The packed engine of a model in memory. A CPU's memory need not be taken in advance, so its ``load`` is a small
    one. Raises NotPackable."""
    load = load if device.type == "cuda" else SMALL
    weights = {name: value.to(device) for name, value in packed_weights(model, precision).items()}
    return PackedEngine(Encoder(weights, Architecture.of(model.config.to_dict())), model_limits(model), device, load)


def measure_exactness(version: Path, device: torch.device, lists: int, items: int) -> list[HalfExactness]:
    """Of a version folder's model, in every half precision, on ``lists`` lists of ``items`` invented items each."""
    model, made = recover_cross_encoder(version), _lists(version, lists, items)
    expected = [_reference(model, rows) for rows in made]
    return [
        _one(name, build_engine(model, precision, device, Load()), made, expected) for name, precision in HALF.items()
    ]


def _one(name: str, engine: PackedEngine, lists: Sequence[list[Row]], expected: Sequence[Logits]) -> HalfExactness:
    alone = np.array([engine.score([row])[0, 0] for rows in lists for row in rows])
    together = engine.score([row for rows in lists for row in rows])[:, 0]
    served = np.split(together, np.cumsum([len(rows) for rows in lists])[:-1])
    return HalfExactness(name, agreement(expected, served), float(np.abs(alone - together).max()))


def _lists(version: Path, lists: int, items: int) -> list[list[Row]]:
    """Histories of a few texts, with items from a title to several descriptions long."""
    encoder = open_bundle(version / "encoding").encoder
    names = [field.name for field in encoder.spec.item.fields]
    history_names = [field.name for field in encoder.spec.context.history_fields]
    made = []
    for number in range(lists):
        history = [_fields(history_names, number + place) for place in range(1 + number % 5)]
        context = encoder.encode_context(ContextFields("", {}, history))
        pairs = (
            encoder.join(context, encoder.encode_item(_fields(names, number * 7 + place))) for place in range(items)
        )
        made.append([row_of(pair) for pair in pairs])
    return made


def _fields(names: Sequence[str], start: int) -> Mapping[str, str]:
    return {name: SAMPLE_TEXTS[(start + place * 11) % len(SAMPLE_TEXTS)] for place, name in enumerate(names)}


def _reference(model: PreTrainedModel, rows: Sequence[Row]) -> Logits:
    with torch.inference_mode():
        return np.array(
            [
                model(**{name: torch.from_numpy(ids)[None].long() for name, ids in row.items()}).logits.item()
                for row in rows
            ],
            np.float32,
        )
