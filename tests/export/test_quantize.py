"""The int8 graph: small, near fp32, and a logit that belongs to its pair alone."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from tests.export.conftest import Exported
from tests.export.inputs import batch_of, random_rows, run_graph
from training.export.graph import export_cross_encoder
from training.export.names import metadata
from training.export.quantize import MIN_TABLE_ROWS, quantize
from training.export.recover import recover_cross_encoder


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


def test_what_gelu_gives_has_a_scale_of_its_own_for_every_token_and_normalised_states_one_for_all(
    cross_encoder: Exported,
) -> None:
    graph = onnx.load(cross_encoder.int8).graph
    makers = {name: node for node in graph.node for name in node.output}
    scales = [node.input[1] for node in graph.node if node.op_type == "QuantizeLinear"]
    constants = {one.name for one in graph.initializer}
    by_token = [name for name in scales if name not in constants]
    assert len(by_token) == 2, "one feed-forward a layer"
    assert {makers[name].op_type for name in by_token} == {"Div"}
    assert len(scales) > 2


def test_a_bias_is_added_by_the_product_itself_where_all_tokens_share_a_scale(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.int8).graph
    products = [node for node in graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert Counter(len(node.input) for node in products) == {7: 10, 6: 2}


def test_values_beyond_the_calibrated_range_are_clipped_and_harm_no_other_row(
    cross_encoder: Exported, tmp_path: Path
) -> None:
    """A row of states far outside of what calibration saw, beside a usual one."""
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
