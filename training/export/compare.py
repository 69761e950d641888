"""What a graph answers outside Triton, and how far two sets of answers agree. Knows no server."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from scipy.stats import kendalltau

from gateway.domain.values import EncodedPair
from training.export.session import open_session
from training.model.pair_table import padded

Logits = npt.NDArray[np.float32]
BATCH_PAIRS = 8
"""Small batches of similar length are the fastest on CPU."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Logits of the same lists from two models; a difference that is no number is infinite."""

    pairs: int
    max_abs_dlogit: float
    mean_abs_dlogit: float
    mean_kendall_tau: float
    lowest_kendall_tau: float


def score_graph(graph: Path, pairs: Sequence[EncodedPair]) -> Logits:
    """Logits [n] of a cross-encoder's graph on ONNX Runtime's CPU provider, one pair at a time."""
    return score_session(open_session(graph), pairs)


def score_session(session: onnxruntime.InferenceSession, pairs: Sequence[EncodedPair], batch: int = 1) -> Logits:
    """As score_graph, of a graph that is open already, in batches of similar length."""
    inputs = [node.name for node in session.get_inputs()]
    order_n = np.argsort([len(pair.token_ids) for pair in pairs], kind="stable")
    logits = np.zeros(len(pairs), np.float32)
    for start in range(0, len(pairs), batch):
        chosen = order_n[start : start + batch]
        feed = padded([pairs[place] for place in chosen])
        found = session.run(None, {name: feed[name].astype(np.int32) for name in inputs})[0]
        logits[chosen] = np.asarray(found).reshape(-1)
    return logits


def score_batches(session: onnxruntime.InferenceSession, pairs: Sequence[EncodedPair]) -> Logits:
    """As score_session, in small batches: the fastest on CPU. For graphs whose logits belong to their pairs alone, as
    those of training/export/int8/quantize.py do: there batches change only the order of additions."""
    return score_session(session, pairs, BATCH_PAIRS)


def agreement(reference: Sequence[Logits], others: Sequence[Logits]) -> Agreement:
    """Compares list by list. Raises ValueError for different numbers of lists or pairs."""
    differences = [np.abs(one - other) for one, other in zip(reference, others, strict=True)]
    taus = [kendall_tau(one, other) for one, other in zip(reference, others, strict=True)]
    all_differences = np.nan_to_num(np.concatenate(differences), nan=np.inf, posinf=np.inf)
    return Agreement(
        pairs=len(all_differences),
        max_abs_dlogit=float(all_differences.max()),
        mean_abs_dlogit=float(all_differences.mean()),
        mean_kendall_tau=float(np.mean(taus)),
        lowest_kendall_tau=min(taus),
    )


def kendall_tau(one: Logits, other: Logits) -> float:
    """Kendall's τ-b of one list. Never NaN, which a minimum over lists could pass over: a list without an order (all
    logits the same, or fewer than two) agrees fully with another such list and with nothing else; so does NaN with
    nothing."""
    if _has_no_order(one) or _has_no_order(other):
        return float(_has_no_order(one) and _has_no_order(other))
    tau = float(kendalltau(one, other).statistic)
    return tau if np.isfinite(tau) else 0.0


def _has_no_order(logits: Logits) -> bool:
    return bool(np.all(logits == logits[:1]))
