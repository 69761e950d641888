"""The shipped int8 graphs against transformers in fp32 with the weights that they hold."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from tests.model_repository.samples import BI_ENCODER, CROSS_ENCODER, sample_lists
from training.export.compare import Logits, agreement, score_graph
from training.export.graph.export import export_bi_encoder, export_cross_encoder
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.release.bi_encoder import PACKAGE, compare, embed
from training.release.repository.recover import recover_cross_encoder


@pytest.fixture(scope="module")
def reference() -> list[Logits]:
    """Logits of the sample lists by transformers, pair by pair."""
    model = recover_cross_encoder(CROSS_ENCODER)
    with torch.inference_mode():
        return [
            np.array(
                [
                    model(
                        input_ids=torch.tensor([pair.token_ids]), token_type_ids=torch.tensor([pair.type_ids])
                    ).logits.item()
                    for pair in pairs
                ],
                np.float32,
            )
            for pairs in sample_lists()
        ]


def test_the_int8_cross_encoder_keeps_the_order(
    reference: list[Logits],
) -> None:
    found = agreement(reference, [score_graph(CROSS_ENCODER / "model.onnx", pairs) for pairs in sample_lists()])
    assert found.lowest_kendall_tau >= 0.98, found
    assert found.max_abs_dlogit <= 0.1, found


def test_its_fp32_graph_is_transformers(reference: list[Logits], tmp_path: Path) -> None:
    graph = export_cross_encoder(recover_cross_encoder(CROSS_ENCODER), tmp_path / "fp32.onnx")
    found = agreement(reference, [score_graph(graph, pairs) for pairs in sample_lists()])
    assert found.max_abs_dlogit <= 1e-4, found


def test_the_int8_bi_encoder_embeds_as_fp32_does(tmp_path: Path) -> None:
    tokenizer = BI_ENCODER / "tokenizer.json"
    with as_file(files(PACKAGE) / "model") as source:
        model = AutoModel.from_pretrained(source, local_files_only=True)
    exact = export_bi_encoder(model, tmp_path / "fp32.onnx")
    shipped = embed(BI_ENCODER / "model.onnx", tokenizer, SAMPLE_TEXTS)
    found = compare(embed(exact, tokenizer, SAMPLE_TEXTS), shipped)
    assert found.median >= 0.99, found
    assert found.lowest >= 0.98, found
    np.testing.assert_allclose(np.linalg.norm(shipped, axis=1), 1, atol=1e-5)


def test_an_embedding_does_not_depend_on_the_texts_beside_it() -> None:
    graph, tokenizer = BI_ENCODER / "model.onnx", BI_ENCODER / "tokenizer.json"
    together = embed(graph, tokenizer, SAMPLE_TEXTS)
    alone = np.concatenate([embed(graph, tokenizer, [text]) for text in SAMPLE_TEXTS[:12]])
    np.testing.assert_allclose(together[:12], alone, atol=1e-6)
