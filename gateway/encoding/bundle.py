"""The ``encoding/`` folder of a model version: spec, tokenizer, golden pairs, the fusion's trees where it has any, and
one fingerprint over all of them. The verdict on its reading lies beside them and changes no score."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.order import RequestKind
from gateway.encoding.golden import GoldenSet, read_golden
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.reading import READING_FILE, read_verdict
from gateway.encoding.spec import EncodingSpec, read_spec
from gateway.encoding.tokenizer import open_tokenizer
from gateway.ranker.fused_score import TREES_FILE, Fusion, open_fusion
from gateway.ranker.trees import Trees

SPEC_FILE = "spec.json"
TOKENIZER_FILE = "tokenizer.json"
GOLDEN_FILE = "golden.json"


@dataclass(frozen=True, slots=True)
class EncodingBundle:
    """A model version's encoding, ready to use. ``reading``: kinds of request for which its reading was shown to pay;
    None where nobody judged it."""

    encoder: PairEncoder
    fusion: Fusion
    golden: GoldenSet
    fingerprint: str
    reading: frozenset[RequestKind] | None = None

    @property
    def spec(self) -> EncodingSpec:
        """The spec of the encoder."""
        return self.encoder.spec


def fingerprint_of(folder: Path) -> str:
    """BLAKE2b-128 over the length-prefixed bytes of the files; the trees last, where there are any."""
    digest = hashlib.blake2b(digest_size=16)
    trees = (TREES_FILE,) if (folder / TREES_FILE).exists() else ()
    for name in (SPEC_FILE, TOKENIZER_FILE, GOLDEN_FILE, *trees):
        content = (folder / name).read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def open_bundle(folder: Path) -> EncodingBundle:
    """Reads an ``encoding/`` folder. Raises OSError, SpecInvalid or ValueError when a file is missing or broken."""
    spec = read_spec(folder / SPEC_FILE)
    encoder = PairEncoder(spec, open_tokenizer(folder / TOKENIZER_FILE))
    fusion = open_fusion(spec.fusion, folder / TREES_FILE)
    golden, reading = read_golden(folder / GOLDEN_FILE), read_verdict(folder / READING_FILE)
    return EncodingBundle(encoder, fusion, golden, fingerprint_of(folder), reading)


def write_bundle(
    folder: Path, spec: EncodingSpec, tokenizer_path: Path, golden: GoldenSet, trees: Trees | None = None
) -> EncodingBundle:
    """Writes an ``encoding/`` folder and reads it back. The folder must not exist; ``trees`` are those of the spec's
    fusion."""
    folder.mkdir(parents=True)
    (folder / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
    shutil.copyfile(tokenizer_path, folder / TOKENIZER_FILE)
    (folder / GOLDEN_FILE).write_text(golden.to_json(), encoding="utf-8")
    if trees is not None:
        (folder / TREES_FILE).write_text(trees.text, encoding="utf-8")
    return open_bundle(folder)
