"""The int8 graph: small, near fp32, and a logit that belongs to its pair alone."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper
from transformers import BertForSequenceClassification

from tests.training.export.conftest import Exported, tiny_config
from tests.training.export.inputs import batch_of, random_rows, run_graph
from training.export.graph.export import export_cross_encoder
from training.export.graph.parameter_names import metadata
from training.export.int8.inputs import smoothing_factors
from training.export.int8.quantize import MIN_TABLE_ROWS, quantize
from training.export.int8.weights import SMOOTHED_ROWS
from training.release.repository.recover import recover_cross_encoder


@pytest.mark.parametrize("seed", range(4))
def test_a_logit_does_not_depend_on_the_pairs_beside_it(cross_encoder: Exported, seed: int) -> None:
    rows = random_rows(seed, 12)
    together = run_graph(cross_encoder.int8, batch_of(rows))
    alone = np.concatenate([run_graph(cross_encoder.int8, batch_of([row])) for row in rows])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_int8_logits_are_near_those_of_the_same_weights_in_fp32(cross_encoder: Exported, tmp_path: Path) -> None:
    _version_folder(cross_encoder, tmp_path)
    exact = export_cross_encoder(recover_cross_encoder(tmp_path), tmp_path / "fp32.onnx")
    batch = batch_of(random_rows(21, 64))
    expected, actual = run_graph(exact, batch), run_graph(cross_encoder.int8, batch)
    assert 0 < np.abs(actual - expected).max() < 0.1 * expected.std()


def test_embeddings_stay_where_they_were(bi_encoder: Exported) -> None:
    batch = batch_of(random_rows(5, 32))
    cosines = (run_graph(bi_encoder.fp32, batch) * run_graph(bi_encoder.int8, batch)).sum(axis=1)
    assert np.median(cosines) > 0.999
    assert cosines.min() > 0.99


def test_weights_and_word_embeddings_are_stored_as_int8_only(cross_encoder: Exported) -> None:
    stored = {one.name: one for one in onnx.load(cross_encoder.int8).graph.initializer}
    products = [name for name in stored if name.endswith("weight.T.quantized")]
    assert len(products) == 12
    assert stored["bert.embeddings.word_embeddings.weight.quantized"].data_type == TensorProto.INT8
    large = [
        one.name for one in stored.values() if one.data_type == TensorProto.FLOAT and one.dims[:1] > [MIN_TABLE_ROWS]
    ]
    assert large == ["bert.embeddings.word_embeddings.weight.scale"]
    assert not {name.removesuffix(".quantized") for name in products} & stored.keys()


def test_nothing_is_stored_that_no_node_reads(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.int8).graph
    read = {name for node in graph.node for name in node.input}
    assert [one.name for one in graph.initializer if one.name not in read] == []


def test_the_limits_of_the_fp32_graph_stay(cross_encoder: Exported) -> None:
    before, after = (metadata(onnx.load(graph)) for graph in (cross_encoder.fp32, cross_encoder.int8))
    assert before.items() <= after.items()


def test_a_processor_whose_int8_products_saturate_gets_the_same_logits(cross_encoder: Exported) -> None:
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    safe = onnxruntime.InferenceSession(str(cross_encoder.int8), options, providers=["CPUExecutionProvider"])
    batch = batch_of(random_rows(8, 16))
    np.testing.assert_allclose(safe.run(None, batch)[0], run_graph(cross_encoder.int8, batch), atol=1e-6)


def test_the_same_graph_is_quantised_to_the_same_bytes(cross_encoder: Exported, tmp_path: Path) -> None:
    again = quantize(cross_encoder.fp32, tmp_path / "again.onnx")
    assert again.read_bytes() == cross_encoder.int8.read_bytes()


def test_every_token_has_a_scale_of_its_own(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.int8).graph
    constants = {one.name for one in graph.initializer}
    scales = [node.input[1] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(scales) == 9, "four tensors a layer, and the last layer's first token"
    assert not constants & set(scales)


def test_large_columns_are_made_smaller_and_their_weights_larger(tmp_path: Path) -> None:
    """Two columns that a normalisation makes 64 times larger: without smoothing the others would lose six of their
    eight bits."""
    torch.manual_seed(1)
    model = BertForSequenceClassification(tiny_config()).eval()
    norm = model.bert.embeddings.LayerNorm
    with torch.no_grad():
        norm.weight[[3, 9]] *= 64
    exact = export_cross_encoder(model, tmp_path / "fp32.onnx")
    graph = onnx.load(quantize(exact, tmp_path / "int8.onnx"))
    rows = metadata(graph)[SMOOTHED_ROWS]["bert.encoder.layer.0.attention.self.query.weight.T"]
    assert rows.keys() == {"3", "9"}
    assert set(rows.values()) <= {4.0, 8.0, 16.0}
    batch = batch_of(random_rows(6, 32))
    expected, actual = run_graph(exact, batch), run_graph(tmp_path / "int8.onnx", batch)
    assert np.abs(actual - expected).max() < 0.1 * expected.std()


@pytest.mark.parametrize(("peak", "factor"), [(0.5, 1), (1, 1), (1.9, 1), (4, 2), (15, 4), (64, 8)])
def test_a_column_is_smoothed_by_about_the_square_root_of_its_excess(peak: float, factor: float) -> None:
    peaks_k = np.array([1, 1, peak, 1, 1], np.float32)
    assert smoothing_factors(peaks_k).tolist() == [1, 1, factor, 1, 1]


def test_columns_without_any_value_are_left_alone() -> None:
    assert smoothing_factors(np.zeros(3, np.float32)).tolist() == [1, 1, 1]


def test_a_row_far_from_what_was_observed_harms_no_other_row(cross_encoder: Exported, tmp_path: Path) -> None:
    """Of states ten thousand times larger, beside a usual one."""
    graph = onnx.load(cross_encoder.int8)
    table = next(one for one in graph.graph.initializer if one.name.endswith("word_embeddings.weight.scale"))
    scale_v1 = numpy_helper.to_array(table).copy()
    scale_v1[7] *= 1e4
    table.CopyFrom(numpy_helper.from_array(scale_v1, table.name))
    onnx.save(graph, tmp_path / "wild.onnx")
    usual, wild = random_rows(2, 2, longest=20)
    wild["input_ids"][:], usual["input_ids"][usual["input_ids"] == 7] = 7, 8
    together = run_graph(tmp_path / "wild.onnx", batch_of([usual, wild]))
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together[0], run_graph(tmp_path / "wild.onnx", batch_of([usual]))[0], atol=1e-6)


def _version_folder(exported: Exported, folder: Path) -> None:
    (folder / "model.onnx").write_bytes(exported.int8.read_bytes())
    exported.model.config.to_json_file(folder / "config.json", use_diff=False)
