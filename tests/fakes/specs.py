"""A small encoding spec and bundle for tests."""

from pathlib import Path

from gateway.encoding.bundle import EncodingBundle, write_bundle
from gateway.encoding.golden import GoldenPair, GoldenSet
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields
from gateway.encoding.spec import ContextSpec, EncodingSpec, FieldSpec, ItemSpec
from gateway.encoding.tokenizer import open_tokenizer
from gateway.ranker.spec import FusionSpec, FusionTerm, LinearFusion
from tests.fakes.scorers import hash_logit
from tests.fakes.tokenizers import bert_like, save
from training.release.repository.manifest import write_manifest

FIELDS = (FieldSpec("title"), FieldSpec("year", "year "), FieldSpec("genres"))


def small_spec(item_tokens: int = 8, fusion: FusionSpec | None = None) -> EncodingSpec:
    """Four history items, 24 context tokens, and by default the logit alone as score."""
    return EncodingSpec(
        template="test-v1",
        context=ContextSpec(4, 24, 6, FIELDS, feature_fields=(FieldSpec("mood", "a "),)),
        item=ItemSpec(item_tokens, FIELDS),
        fusion=fusion or LinearFusion((FusionTerm("logit", 1.0),)),
    )


def small_bundle(folder: Path, spec: EncodingSpec | None = None) -> EncodingBundle:
    """A bundle whose golden logits are those of the hash scorer."""
    spec = spec or small_spec()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer_path = save(bert_like(), folder)
    encoder = PairEncoder(spec, open_tokenizer(tokenizer_path))
    golden = GoldenSet(1e-3, tuple(_golden(encoder, title) for title in ("toy story", "heat", "alien", "")))
    bundle = write_bundle(folder / "encoding", spec, tokenizer_path, golden)
    write_manifest(folder)
    return bundle


def _golden(encoder: PairEncoder, title: str) -> GoldenPair:
    history, item = [{"title": "the matrix"}, {"title": "jaws", "year": "1975"}], {"title": title}
    context = encoder.encode_context(ContextFields("space", {}, history))
    pair = encoder.join(context, encoder.encode_item(item))
    return GoldenPair("space", {}, history, item, pair.token_ids, hash_logit(pair))
