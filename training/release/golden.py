"""Makes a version's golden pairs: real and hard inputs with the token ids and fp32 logits that they must give."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from gateway.encoding.golden import GoldenPair, GoldenSet, encode_golden
from gateway.encoding.pair_encoder import PairEncoder
from training.protocol.dataset import Dataset, Phase
from training.release.verification.reference import Reference

HARD_TEXTS = (
    "",
    "[SEP] [CLS] [PAD] [MASK] [UNK]",
    "Amélie 東京物語 Ирония судьбы 🎬",
    "a | b | c, d : e",
    "tab\tand\nnew   lines \u00a0 and\u200bzero width",
    "UPPER lower MiXeD 12:01 (1994) 100% $#@!",
    "antidisestablishmentarianism " * 12,
    "the " * 120,
)
"""Texts that tell one encoding from another: empty, special tokens as text, other scripts, separators, very long."""

REAL_PAIRS = 12


def golden_inputs(dataset: Dataset, fields: Sequence[str]) -> list[GoldenPair]:
    """Pairs without token ids and logits: every hard text as an item and in a history, and real valid lists."""
    real = [dataset.fields[item.item_id] for item in dataset.items[: REAL_PAIRS + 4]]
    pairs = []
    for text in HARD_TEXTS:
        hard = dict.fromkeys(fields, text)
        pairs += [_pair([real[0], real[-1]], {**real[-2], fields[0]: text}), _pair([hard, real[0], hard], real[-1])]
    pairs.append(_pair([], real[0]))
    pairs.append(replace(_pair([real[0]], real[-1]), query="space adventure"))
    for case in dataset.cases(Phase.VALID)[:REAL_PAIRS]:
        history = case.history.newest(60).map(dataset.fields.__getitem__)
        pairs.append(_pair(history.newest_first, dataset.fields[case.targets[0]]))
    return [pair for pair in pairs if any(pair.item.values())]


def golden_set(
    inputs: Sequence[GoldenPair], encoder: PairEncoder, model: PreTrainedModel, tokenizer: Path, tolerance: float
) -> GoldenSet:
    """The pairs with token ids as encoded now and logits of ``model`` in fp32, one pair at a time."""
    logits = Reference(model, tokenizer, encoder).golden_logits(inputs)
    pairs = (
        replace(pair, token_ids=encode_golden(encoder, pair).token_ids, logit=float(logit))
        for pair, logit in zip(inputs, logits, strict=True)
    )
    return GoldenSet(tolerance, tuple(pairs))


def tolerance_of(expected: Sequence[float], served: Sequence[float]) -> float:
    """What a right server may differ by: the graph's own largest error on these pairs, and half as much again, since
    another processor rounds differently. Raises ValueError when a logit is not finite."""
    differences = np.abs(np.asarray(expected, dtype=np.float64) - np.asarray(served, dtype=np.float64))
    if not np.isfinite(differences).all():
        raise ValueError("a golden pair has no finite logit; the export is broken")
    return float(np.round(1.5 * differences.max() + 0.01, 4))


def _pair(history: Sequence[Mapping[str, str]], item: Mapping[str, str]) -> GoldenPair:
    return GoldenPair("", {}, [dict(one) for one in history], dict(item), (), 0.0)
