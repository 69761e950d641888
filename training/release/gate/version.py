"""A version folder as the gate reads it, opened once, and the fp32 model that it is held against: the trained
checkpoint, else the model of the version's own weights. Knows no verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnxruntime
from transformers import PreTrainedModel

from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import TOKENIZER_FILE, EncodingBundle, open_bundle
from gateway.encoding.render import ContextFields
from training.export.compare import Logits, score_batches, score_session
from training.export.session import open_session
from training.metrics.ranking import ndcg, target_ranks
from training.metrics.ties import order_by_score
from training.ranker.lists import order_by
from training.ranker.table import ScoredList
from training.release.repository.recover import GRAPH_FILE
from training.release.verification.reference import Reference, fp32_graph, fp32_model

DEPTH = 10
TIES_SEED = 1


@dataclass(slots=True)
class OpenVersion:
    """``folder`` is ``<repository>/<model>/<number>``. Raises OSError or ValueError when it cannot be read."""

    folder: Path
    bundle: EncodingBundle = field(init=False)
    session: onnxruntime.InferenceSession = field(init=False)

    def __post_init__(self) -> None:
        self.bundle = open_bundle(self.folder / "encoding")
        self.session = open_session(self.folder / GRAPH_FILE)

    def golden_logits(self) -> Logits:
        """Of the version's own golden pairs, as it encodes them now."""
        return score_session(self.session, self.bundle.golden.encode(self.bundle.encoder))

    def pairs(self, one: ScoredList) -> list[EncodedPair]:
        """A list as this version encodes it."""
        encoder, given = self.bundle.encoder, one.given
        history = [event.fields or {} for event in given.history]
        context = encoder.encode_context(ContextFields(history=history))
        items = encoder.encode_items([given.items[candidate.item_id] for candidate in given.candidates])
        return [encoder.join(context, item) for item in items]

    def logits(self, one: ScoredList) -> Logits:
        """Of a list's candidates, in their order."""
        return score_batches(self.session, self.pairs(one))


def ndcg_of_logits(one: ScoredList, logits: Logits) -> float:
    """NDCG@10 of a list ordered by the logit alone; ties at random, the same for every version."""
    scores = {candidate.item_id: float(logit) for candidate, logit in zip(one.given.candidates, logits, strict=True)}
    return _ndcg(order_by_score(scores, one.user_id, TIES_SEED), one)


def order_as_served(one: ScoredList, logits: Logits, bundle: EncodingBundle) -> tuple[str, ...]:
    """Item ids of a list as the gateway would rank it: with the version's fused score."""
    scores = {candidate.item_id: float(logit) for candidate, logit in zip(one.given.candidates, logits, strict=True)}
    return order_by(bundle.fusion, replace(one.given, logits=scores))


def ndcg_as_served(one: ScoredList, logits: Logits, bundle: EncodingBundle) -> float:
    """NDCG@10 of that order."""
    return _ndcg(order_as_served(one, logits, bundle), one)


def _ndcg(order: Sequence[str], one: ScoredList) -> float:
    return ndcg(target_ranks(order, sorted(one.targets)), len(one.targets), DEPTH)


@dataclass(frozen=True, slots=True)
class Fp32:
    """``model`` in fp32 and the graph exported from it; lists are scored by the graph, which is much faster."""

    model: PreTrainedModel
    session: onnxruntime.InferenceSession

    def golden_logits(self, version: OpenVersion) -> Logits:
        """Of the version's golden pairs by transformers, one pair at a time."""
        reference = Reference(self.model, version.folder / "encoding" / TOKENIZER_FILE, version.bundle.encoder)
        return reference.golden_logits(version.bundle.golden.pairs)


def open_fp32(version: OpenVersion, checkpoint: Path | None) -> Fp32:
    """Raises TrainingError, OSError or ValueError when the weights cannot be read or exported."""
    model = fp32_model(version.folder, checkpoint)
    return Fp32(model, open_session(fp32_graph(model)))
