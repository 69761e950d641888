"""The fp32 graph computes what transformers computes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from tests.paths import ROOT
from tests.training.export.conftest import MAX_TOKENS, VOCABULARY, Exported, tiny_cross_encoder
from tests.training.export.inputs import batch_of, random_rows, reference_logits, run_graph
from training.export.graph.export import ModelNotExportable, export_cross_encoder, has_segments, longest_input
from training.export.graph.parameter_names import TRANSPOSED, metadata
from training.release.repository.recover import graph_weights


@pytest.mark.parametrize("seed", range(6))
def test_a_logit_is_the_reference_in_any_batch_mix(cross_encoder: Exported, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = random_rows(seed, int(draw.integers(2, 24)))
    expected = reference_logits(cross_encoder.model, rows)
    order = draw.permutation(len(rows))
    batch = batch_of([rows[place] for place in order], padding=int(draw.integers(0, 2)) if seed % 2 else 0)
    batch = {name: tensor[:, :MAX_TOKENS] for name, tensor in batch.items()}
    np.testing.assert_allclose(run_graph(cross_encoder.fp32, batch), expected[order], atol=1e-4)


@pytest.mark.parametrize("tokens", [1, 2, MAX_TOKENS])
def test_the_shortest_and_the_longest_inputs_are_scored(cross_encoder: Exported, tokens: int) -> None:
    row = {"input_ids": np.arange(tokens, dtype=np.int32), "token_type_ids": np.zeros(tokens, np.int32)}
    expected = reference_logits(cross_encoder.model, [row])
    np.testing.assert_allclose(run_graph(cross_encoder.fp32, batch_of([row])), expected, atol=1e-4)


def test_segments_change_the_logit(cross_encoder: Exported) -> None:
    row = random_rows(3, 1)[0]
    other = {**row, "token_type_ids": 1 - row["token_type_ids"]}
    logits = run_graph(cross_encoder.fp32, batch_of([row, other]))
    assert abs(logits[0, 0] - logits[1, 0]) > 1e-3


def test_an_embedding_is_the_mean_of_the_real_tokens_at_unit_length(bi_encoder: Exported) -> None:
    rows = random_rows(11, 7)
    with torch.inference_mode():
        means = [
            bi_encoder.model(input_ids=torch.tensor([row["input_ids"].tolist()])).last_hidden_state[0].mean(0).numpy()
            for row in rows
        ]
    expected = np.stack([mean / np.linalg.norm(mean) for mean in means])
    np.testing.assert_allclose(run_graph(bi_encoder.fp32, batch_of(rows)), expected, atol=1e-5)


def test_every_parameter_is_found_in_the_graph_under_its_name(cross_encoder: Exported) -> None:
    weights = graph_weights(onnx.load(cross_encoder.fp32))
    for name, value in cross_encoder.model.state_dict().items():
        np.testing.assert_array_equal(weights[name], value.numpy(), err_msg=name)


def test_transposed_weights_say_so_in_their_names(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.fp32)
    names = {one.name for one in graph.graph.initializer}
    assert f"bert.encoder.layer.1.intermediate.dense.weight{TRANSPOSED}" in names


def test_the_graph_states_its_limits(cross_encoder: Exported) -> None:
    limits = metadata(onnx.load(cross_encoder.fp32))
    assert limits["max_tokens"] == MAX_TOKENS
    assert limits["input_ids.values"] == VOCABULARY
    assert limits["token_type_ids.values"] == 2


def test_the_graph_tells_nothing_of_the_machine_that_made_it(cross_encoder: Exported) -> None:
    content = cross_encoder.fp32.read_bytes() + cross_encoder.int8.read_bytes()
    for trace in (str(ROOT), "site-packages", "stack_trace"):
        assert trace.encode() not in content


def test_export_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = tiny_cross_encoder()
    model.train()
    attention = model.config._attn_implementation
    export_cross_encoder(model, tmp_path / "model.onnx")
    assert model.training
    assert model.config._attn_implementation == attention


def test_a_head_with_several_labels_is_refused(tmp_path: Path) -> None:
    model = tiny_cross_encoder()
    model.config.num_labels = 3
    with pytest.raises(ModelNotExportable, match="3 labels"):
        export_cross_encoder(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_family_without_segments_has_no_input_for_them(tmp_path: Path) -> None:
    torch.manual_seed(1)
    sizes: dict[str, Any] = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64, "num_labels": 1}
    config = DistilBertConfig(vocab_size=VOCABULARY, max_position_embeddings=32, **sizes)
    model = DistilBertForSequenceClassification(config).eval()
    graph = export_cross_encoder(model, tmp_path / "model.onnx")
    assert [one.name for one in onnx.load(graph).graph.input] == ["input_ids", "attention_mask"]
    rows = [{"input_ids": row["input_ids"]} for row in random_rows(5, 4, longest=32)]
    batch = batch_of([{**row, "token_type_ids": row["input_ids"]} for row in rows])
    np.testing.assert_allclose(run_graph(graph, batch), reference_logits(model, rows), atol=1e-4)


def test_roberta_has_fewer_positions_than_its_table_and_one_segment() -> None:
    sizes: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_labels": 1}
    config = RobertaConfig(vocab_size=50, max_position_embeddings=34, type_vocab_size=1, **sizes)
    model = RobertaForSequenceClassification(config)
    assert longest_input(model) == 32
    assert not has_segments(model)
