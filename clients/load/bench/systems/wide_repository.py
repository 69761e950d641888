"""A copy of the served model whose texts are cut nowhere, so that every system reads the same tokens: the same graph
and worker, wide budgets, contexts and items as plain text, golden pairs of its own. Must not know what is measured."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clients.load.bench.workload.job_texts import FIELD
from gateway.encoding.bundle import TOKENIZER_FILE, open_bundle, write_bundle
from gateway.encoding.golden import GoldenPair, GoldenSet, encode_golden
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.spec import EncodingSpec, FieldSpec
from gateway.encoding.tokenizer import open_tokenizer
from training.export.compare import score_graph
from training.release.golden import tolerance_of
from training.release.repository.recover import CONFIG_FILE, GRAPH_FILE
from training.release.repository.triton_config import ServingOptions
from training.release.repository.version import ENCODING_FOLDER, VersionContent, write_model_version

MODEL, EMBEDDER = "cross_encoder", "bi_encoder"
_CONTEXT_TOKENS, _ITEM_TOKENS = 160, 340
SERVED = ServingOptions()
"""The served model's options."""

_CARD = (
    "# cross_encoder with wide budgets\n\nMade by `crossrank bench`: the graph of the served version, texts uncut.\n"
)
_GOLDEN_TEXTS = ("alien", "a space adventure with robots", "the quiet family of a small town | drama | 1995", "!")


def newest_version(repository: Path) -> Path:
    """The folder of the newest version of the cross-encoder. Raises FileNotFoundError."""
    versions = [folder for folder in (repository / MODEL).glob("*") if folder.name.isdecimal()]
    if not versions:
        raise FileNotFoundError(f"{repository / MODEL} has no version folder; name the repository: --model-repository")
    return max(versions, key=lambda folder: int(folder.name))


def wide_spec(spec: EncodingSpec) -> EncodingSpec:
    """The fused score stays; queries and items are plain text of almost any length."""
    return replace(
        spec,
        template="bench",
        context=replace(spec.context, max_tokens=_CONTEXT_TOKENS, query_label="", feature_fields=()),
        item=replace(spec.item, max_tokens=_ITEM_TOKENS, fields=(FieldSpec(FIELD),)),
    )


def write_wide_repository(repository: Path, folder: Path) -> Path:
    """Writes it anew; returns ``folder``. Requests may wait in Triton, many and long."""
    shutil.rmtree(folder, ignore_errors=True)
    source = newest_version(repository)
    tokenizer = source / ENCODING_FOLDER / TOKENIZER_FILE
    bundle = open_bundle(source / ENCODING_FOLDER)
    spec = wide_spec(bundle.spec)
    golden = _golden(PairEncoder(spec, open_tokenizer(tokenizer)), source / GRAPH_FILE)
    with tempfile.TemporaryDirectory() as scratch:
        encoding = Path(scratch) / ENCODING_FOLDER
        written = write_bundle(encoding, spec, tokenizer, golden, bundle.fusion.trees)
        content = VersionContent(
            graph=source / GRAPH_FILE,
            transformers_config=source / CONFIG_FILE,
            card=_CARD,
            encoding=encoding,
            encoding_fingerprint=written.fingerprint,
        )
        write_model_version(folder, MODEL, 1, content, SERVED, max_graph_mb=10_000)
    shutil.copytree(repository / EMBEDDER, folder / EMBEDDER)
    return folder


def _golden(encoder: PairEncoder, graph: Path) -> GoldenSet:
    inputs = [GoldenPair(one, {}, (), {FIELD: other}, (), 0.0) for one in _GOLDEN_TEXTS for other in _GOLDEN_TEXTS]
    logits = score_graph(graph, [encode_golden(encoder, pair) for pair in inputs]).tolist()
    pairs = [_told(pair, encoder, logit) for pair, logit in zip(inputs, logits, strict=True)]
    return GoldenSet(tolerance_of(logits, logits), tuple(pairs))


def _told(pair: GoldenPair, encoder: PairEncoder, logit: float) -> GoldenPair:
    token_ids: Sequence[int] = encode_golden(encoder, pair).token_ids
    return replace(pair, token_ids=token_ids, logit=logit)
