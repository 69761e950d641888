"""A bi-encoder's files: its tokenizer, and golden texts with the vectors that they must give. Knows no transport."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.domain.files import replace_text
from gateway.domain.manifest import check_files
from gateway.encoding.text_encoder import TextEncoder

TOKENIZER_FILE, GOLDEN_FILE = "tokenizer.json", "golden.json"
TOLERANCE = 0.1
"""Distance of a served vector from the recorded one, both of unit length: processors round int8 products differently,
and vectors of different texts lie about 1 apart."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GoldenText:
    """One text and the unit vector that the exported graph gave."""

    text: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class EmbeddingBundle:
    """What is needed to ask a bi-encoder, and to tell whether it answers rightly."""

    encoder: TextEncoder
    golden: tuple[GoldenText, ...]

    def vector_faults(self, vectors: Vectors, numbers: Sequence[int]) -> list[str]:
        """What lies too far from the recorded vectors; ``vectors`` [n, width] belong to the texts ``numbers``."""
        distances = np.linalg.norm(vectors - np.array([self.golden[one].vector for one in numbers]), axis=1)
        return [
            f"golden text {number}: its vector is {distance:.3f} from the recorded one; at most {TOLERANCE} is right"
            for number, distance in zip(numbers, distances.tolist(), strict=True)
            if not distance <= TOLERANCE
        ]


def open_embedding(folder: Path) -> EmbeddingBundle:
    """Of a version folder. Raises FilesChanged, OSError, or ValueError for a file of another form."""
    check_files(folder, TOKENIZER_FILE, GOLDEN_FILE)
    try:
        golden = tuple(GoldenText(**one) for one in json.loads((folder / GOLDEN_FILE).read_bytes()))
    except TypeError as fault:
        raise ValueError(f"{folder / GOLDEN_FILE} has no golden texts ({fault}): export the version again") from fault
    return EmbeddingBundle(TextEncoder(folder / TOKENIZER_FILE), golden)


def write_golden_texts(file: Path, texts: Sequence[str], vectors: Vectors) -> None:
    """Writes them with their unit vectors [texts, width]."""
    rounded = np.round(vectors.astype(np.float64), 5).tolist()
    rows = [json.dumps({"text": text, "vector": one}) for text, one in zip(texts, rounded, strict=True)]
    replace_text(file, "[\n" + ",\n".join(rows) + "\n]\n")
