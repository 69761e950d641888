"""How far half precision moves a real model's logits and lists, and whether a batch does. Must not know clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from gateway.domain.values import Item
from gateway.encoding.bundle import TOKENIZER_FILE, open_bundle
from gateway.encoding.spec import EncodingSpec
from training.export.compare import Agreement, Logits, agreement
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.export.packed_weights import HALF, model_limits, packed_weights, row_of
from training.export.worker.packed.batch import Row
from training.export.worker.packed.encoder import Architecture, Encoder
from training.export.worker.packed.engine import Load, PackedEngine
from training.release.repository.recover import recover_cross_encoder
from training.release.verification.lists import ListPlan, draw_lists, encoded_pairs, pair_texts
from training.release.verification.reference import Reference

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


def measure_exactness(version: Path, device: torch.device, plan: ListPlan) -> list[HalfExactness]:
    """Of a version folder's model, in every half precision, on lists of invented items."""
    encoder, model = open_bundle(version / "encoding").encoder, recover_cross_encoder(version)
    reference = Reference(model, version / "encoding" / TOKENIZER_FILE, encoder)
    lists = draw_lists(_catalogue(encoder.spec), plan)
    expected = [reference.score(*pair_texts(encoder, one)) for one in lists]
    rows = [[row_of(pair) for pair in encoded_pairs(encoder, one)] for one in lists]
    return [
        _one(name, build_engine(model, precision, device, Load()), rows, expected) for name, precision in HALF.items()
    ]


def _one(name: str, engine: PackedEngine, lists: Sequence[list[Row]], expected: Sequence[Logits]) -> HalfExactness:
    alone = np.array([engine.score([row])[0, 0] for rows in lists for row in rows])
    together = engine.score([row for rows in lists for row in rows])[:, 0]
    served = np.split(together, np.cumsum([len(rows) for rows in lists])[:-1])
    return HalfExactness(name, agreement(expected, served), float(np.abs(alone - together).max()))


def _catalogue(spec: EncodingSpec) -> list[Item]:
    """An item for each sample text, from a title to several descriptions long."""
    names = dict.fromkeys(field.name for field in (*spec.item.fields, *spec.context.history_fields))
    texts = [[*SAMPLE_TEXTS[start:], *SAMPLE_TEXTS[:start]] for start in range(len(SAMPLE_TEXTS))]
    return [Item(found[0], dict(zip(names, found[::11], strict=False))) for found in texts]
