"""Candidate lists of the offline first stages, scored by a run's int8 graph and ranked by a fused score, in the form of
lists that the gateway served. For data sets whose first stage is not the gateway's. Knows no stack."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from gateway.domain.files import replacing, sha256_of
from gateway.domain.progress import Advance
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ranker.fused_score import Fusion
from training.evaluation.fields import Items
from training.export.compare import score_batches
from training.export.session import open_session
from training.lists.candidate_list import CandidateList
from training.lists.served import BLEND, ServedList
from training.model.pair_table import PairTable, context_key
from training.ranker.lists import order_by
from training.ranker.table import ScoredList

KEPT_LISTS = 100
"""So many are scored before what is known is written."""


class ListScorer:
    """Scores lists with a graph, each on one core. A logit of the int8 graph belongs to its pair alone
    (training/export/int8/quantize.py), so that batches change nothing."""

    def __init__(self, graph: Path, encoder: PairEncoder, fields: Items) -> None:
        self._session = open_session(graph, threads=1)
        self._table = PairTable(encoder, fields)
        self._made_of = f"{sha256_of(graph)} {encoder.spec.to_json()}"

    def digest(self, lists: Sequence[CandidateList]) -> str:
        """Of all that decides the logits of the lists: graph, encoding, whose history, which items."""
        digest = hashlib.sha256(self._made_of.encode())
        for one in lists:
            digest.update(
                repr((one.history.oldest_first, [candidate.item_id for candidate in one.candidates])).encode()
            )
        return digest.hexdigest()

    def score(self, one: CandidateList) -> tuple[float, ...]:
        """A logit per candidate, in their order."""
        key = context_key(one.history)
        pairs = [self._table.encode(key, candidate.item_id) for candidate in one.candidates]
        return tuple(float(logit) for logit in score_batches(self._session, pairs))


def score_lists(lists: Sequence[CandidateList], scorer: ListScorer, cache: Path, advance: Advance) -> list[ServedList]:
    """The lists with their logits, not fused yet (``ranked`` is the order by logit, ties in first-stage order). Logits
    are kept in ``cache`` (.npz) as they come, so that a second start goes on where the first one stopped; those of
    other lists or another graph are computed anew. As many lists at a time as there are cores."""
    made_of = scorer.digest(lists)
    logits = _kept(cache, lists, made_of)
    advance(len(logits))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(len(logits), len(lists), KEPT_LISTS):
            for values in pool.map(scorer.score, lists[start : start + KEPT_LISTS]):
                logits.append(values)
                advance(1)
            _keep(cache, logits, made_of)
    return [_served(one, values) for one, values in zip(lists, logits, strict=True)]


def ranked_by(fusion: Fusion, served: Sequence[ServedList], scored: Sequence[ScoredList]) -> list[ServedList]:
    """The same lists, ranked as the gateway would with this fused score."""
    return [replace(one, ranked=order_by(fusion, other.given)) for one, other in zip(served, scored, strict=True)]


def _kept(cache: Path, lists: Sequence[CandidateList], made_of: str) -> list[tuple[float, ...]]:
    """Of the first lists, as far as they were scored."""
    if not cache.is_file():
        return []
    with np.load(cache) as kept:
        if str(kept["made_of"]) != made_of:
            return []
        rows = kept["logits"]
    return [tuple(map(float, row[: len(one.candidates)])) for row, one in zip(rows, lists, strict=False)]


def _keep(cache: Path, logits: Sequence[Sequence[float]], made_of: str) -> None:
    longest = max((len(row) for row in logits), default=0)
    rows = np.array([[*row, *[0.0] * (longest - len(row))] for row in logits])
    with replacing(cache) as fresh:
        np.savez(fresh, logits=rows, made_of=np.array(made_of))


def _served(one: CandidateList, logits: tuple[float, ...]) -> ServedList:
    by_logit = sorted(zip(one.candidates, logits, strict=True), key=lambda pair: (-pair[1], pair[0].rank))
    return ServedList(
        user_id=one.user_id,
        targets=one.targets,
        by_source={**one.by_source, BLEND: tuple(candidate.item_id for candidate in one.candidates)},
        candidates=one.candidates,
        logits=logits,
        ranked=tuple(candidate.item_id for candidate, _ in by_logit),
    )
