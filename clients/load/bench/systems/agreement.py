"""Do all systems rank with the same weights? Kendall's tau of their scores against the served graph's. Must not know
how they were asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.stats import kendalltau

from clients.load.bench.systems.checkpoint import INT8_GRAPH
from gateway.domain.values import EncodedPair
from gateway.scoring.triton import pair_tensors
from training.export.compare import score_graph

Scores = Sequence[Sequence[float]]


def ours(graph: Path, lists: Sequence[Sequence[EncodedPair]]) -> Scores:
    """Logits of the served graph, pair by pair."""
    return [[float(one) for one in score_graph(graph, pairs)] for pairs in lists]


def int8_peer(checkpoint: Path, lists: Sequence[Sequence[EncodedPair]], *, segments: bool) -> Scores:
    """Logits of the graph that Infinity's optimum engine runs; without ``segments`` every token is of the first text,
    as that engine's tokenisation has it (return_token_type_ids=False in version 0.0.78)."""
    session = onnxruntime.InferenceSession(str(checkpoint / INT8_GRAPH), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    found = []
    for pairs in lists:
        tensors = pair_tensors(pairs)
        if not segments:
            tensors["token_type_ids"] = np.zeros_like(tensors["token_type_ids"])
        feed = {name: tensors[name].astype(np.int64) for name in names}
        found.append([float(one) for one in session.run(None, feed)[0].reshape(-1)])
    return found


def taus(reference: Scores, others: Mapping[str, Scores]) -> dict[str, dict[str, float]]:
    """Per system Kendall's tau-b over the lists: mean and lowest."""
    return {name: _tau(reference, scores) for name, scores in others.items()}


def _tau(reference: Scores, scores: Scores) -> dict[str, float]:
    found = [float(kendalltau(one, other).statistic) for one, other in zip(reference, scores, strict=True)]
    return {"mean": float(np.mean(found)), "lowest": float(np.min(found)), "lists": len(found)}
