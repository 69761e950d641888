"""The last layer is computed for the first token only where nothing else is read, and no logit moves."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tests.training.export.conftest import Exported, tiny_cross_encoder
from tests.training.export.inputs import Row, batch_of, random_rows, run_graph
from training.export.graph import export as exporter
from training.export.graph.export import LAST_LAYER, export_cross_encoder
from training.export.graph.first_token import keep_first_row
from training.export.graph.parameter_names import metadata
from training.export.session import open_session

BATCH, TOKENS, WIDTH = 3, 5, 4


def rows_computed(graph: Path, weight: str, feed: Row) -> int:
    """Rows of the product with the parameter, for the batch."""
    model = onnx.load(graph)
    (product,) = (node.output[0] for node in model.graph.node if weight in node.input)
    model.graph.output.append(helper.make_tensor_value_info(product, TensorProto.FLOAT, None))
    session = open_session(model.SerializeToString())
    taken = {node.name: feed[node.name] for node in session.get_inputs()}
    return int(session.run([product], taken)[0].shape[1])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cross-encoder, exported with all rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "keep_first_row", lambda _: False)
        return export_cross_encoder(tiny_cross_encoder(), tmp_path_factory.mktemp("plain") / "model.onnx")


@pytest.mark.parametrize("seed", range(4))
def test_no_logit_moves(cross_encoder: Exported, plain: Path, seed: int) -> None:
    batch = batch_of(random_rows(seed, 16))
    np.testing.assert_allclose(
        run_graph(cross_encoder.fp32, batch), run_graph(plain, batch), atol=1e-6, err_msg=f"seed {seed}"
    )


def test_queries_and_feed_forward_of_the_last_layer_shrink_and_keys_and_values_do_not(
    cross_encoder: Exported, plain: Path
) -> None:
    batch = batch_of(random_rows(1, 4))
    tokens = batch["input_ids"].shape[1]
    layer = "bert.encoder.layer.1."
    for weight in ("attention.self.query", "attention.output.dense", "intermediate.dense", "output.dense"):
        assert rows_computed(cross_encoder.fp32, f"{layer}{weight}.weight.T", batch) == 1, weight
        assert rows_computed(plain, f"{layer}{weight}.weight.T", batch) == tokens, weight
    for weight in ("attention.self.key", "attention.self.value"):
        assert rows_computed(cross_encoder.fp32, f"{layer}{weight}.weight.T", batch) == tokens, weight
    assert rows_computed(cross_encoder.fp32, "bert.encoder.layer.0.output.dense.weight.T", batch) == tokens


def test_the_graph_says_what_its_last_layer_is_computed_for(cross_encoder: Exported, bi_encoder: Exported) -> None:
    assert metadata(onnx.load(cross_encoder.fp32))[LAST_LAYER] == "first token"
    assert metadata(onnx.load(cross_encoder.int8))[LAST_LAYER] == "first token"
    assert metadata(onnx.load(bi_encoder.fp32))[LAST_LAYER] == "all tokens", "embeddings are means over all tokens"


def selecting_graph(index: int, *, states_are_read: bool = False) -> ModelProto:
    """states · weight, then the row ``index``; the states can be an output too."""
    nodes = [
        helper.make_node("MatMul", ["states", "weight"], ["product"]),
        helper.make_node("Tanh", ["product"], ["activated"]),
        helper.make_node("Gather", ["activated", "index"], ["logit"], axis=1),
    ]
    described = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "tokens", WIDTH])
        for name in ("product", "activated")
    ]
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, ["batch", "tokens", WIDTH])
    outputs = [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["batch", WIDTH])]
    outputs += described[1:] if states_are_read else []
    weight = np.random.default_rng(2).standard_normal((WIDTH, WIDTH)).astype(np.float32)
    stored = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.array(index), "index")]
    graph = helper.make_graph(nodes, "selecting", [states], outputs, stored, value_info=described)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


@pytest.mark.parametrize(
    ("graph", "narrowed"),
    [
        (selecting_graph(0), True),
        (selecting_graph(1), False),
        (selecting_graph(0, states_are_read=True), False),
    ],
    ids=["first row", "second row", "all rows are an output"],
)
def test_only_what_nobody_else_reads_is_left_out(graph: ModelProto, narrowed: bool) -> None:
    states = np.random.default_rng(3).standard_normal((BATCH, TOKENS, WIDTH)).astype(np.float32)
    expected = open_session(graph.SerializeToString()).run(None, {"states": states})
    assert keep_first_row(graph) is narrowed
    assert any(node.op_type == "Slice" for node in graph.graph.node) is narrowed
    actual = open_session(graph.SerializeToString()).run(None, {"states": states})
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_wrong_row_would_be_noticed(cross_encoder: Exported, plain: Path) -> None:
    model = onnx.load(cross_encoder.fp32)
    bounds = [numpy_helper.from_array(np.array([place]), f"wrong.{place}") for place in (1, 2)]
    model.graph.initializer.extend(bounds)
    cuts = [node for node in model.graph.node if node.op_type == "Slice" and node.input[1] == "first_row.0"]
    for cut in cuts:
        cut.input[1], cut.input[2] = "wrong.1", "wrong.2"
    assert len(cuts) == 2, "the mask of the attention, and the states that it reads"
    batch = batch_of(random_rows(4, 8))
    session = open_session(model.SerializeToString())
    logits = session.run(None, {node.name: batch[node.name] for node in session.get_inputs()})[0]
    assert np.abs(logits - run_graph(plain, batch)).max() > 1e-3
