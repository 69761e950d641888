"""Golden pairs: hard inputs with the token ids and logits they must give; proof that a served model is right."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.domain.values import EncodedPair
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields


@dataclass(frozen=True, slots=True)
class GoldenPair:
    """One pair and what it must give. ``logit`` is the fp32 reference (transformers, the pair alone)."""

    query: str
    features: Mapping[str, str]
    history: Sequence[Mapping[str, str]]
    item: Mapping[str, str]
    token_ids: Sequence[int]
    logit: float


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The pairs and how far a served logit may lie from the reference (the graph's own quantisation error)."""

    tolerance: float
    pairs: tuple[GoldenPair, ...]

    def to_json(self) -> str:
        """Canonical text."""
        data = {"tolerance": self.tolerance, "pairs": [asdict(pair) for pair in self.pairs]}
        return json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    def encode(self, encoder: PairEncoder) -> list[EncodedPair]:
        """The pairs as the encoder encodes them today."""
        return [encode_golden(encoder, pair) for pair in self.pairs]

    def token_faults(self, encoder: PairEncoder) -> list[str]:
        """What differs from the recorded token ids; empty when the encoder is the one described."""
        encoded = self.encode(encoder)
        return [
            f"golden pair {number}: token ids differ from the recorded ones: tokenizer, template or spec changed"
            for number, (pair, now) in enumerate(zip(self.pairs, encoded, strict=True))
            if tuple(pair.token_ids) != now.token_ids
        ]

    def logit_faults(self, logits: npt.NDArray[np.float32], numbers: Sequence[int]) -> list[str]:
        """What lies too far from the recorded logits; ``logits`` belong to the pairs ``numbers``."""
        return [
            f"golden pair {number}: logit {logit:.5f}, expected {self.pairs[number].logit:.5f} ± {self.tolerance:g}"
            for number, logit in zip(numbers, logits.tolist(), strict=True)
            if not abs(logit - self.pairs[number].logit) <= self.tolerance
        ]


def encode_golden(encoder: PairEncoder, pair: GoldenPair) -> EncodedPair:
    """One golden pair through the encoder."""
    context = encoder.encode_context(ContextFields(pair.query, pair.features, pair.history))
    return encoder.join(context, encoder.encode_item(pair.item))


def read_golden(path: Path) -> GoldenSet:
    """The golden set of a file. Raises OSError, or ValueError for a file of another form."""
    data = json.loads(path.read_text(encoding="utf-8"))
    try:
        return GoldenSet(data["tolerance"], tuple(GoldenPair(**pair) for pair in data["pairs"]))
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(
            f"{path} is no golden set ({type(fault).__name__}: {fault}): take the one that the model was exported with"
        ) from fault
