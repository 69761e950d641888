"""What a graph's matrix products are seen to read."""

import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tests.training.export.conftest import Exported
from training.export.graph.parameter_names import set_metadata
from training.export.int8.activations import observe, weight_products

OBSERVER = """
import sys, onnx
from training.export.int8.activations import observe
for name, seen in observe(onnx.load(sys.argv[1])).items():
    print(name, seen.lowest, seen.peaks_k.tolist())
"""


def scaled_graph(scale_h: npt.NDArray[np.float32]) -> ModelProto:
    """ids / 10 in every column, times ``scale_h``, times a matrix: the product's left side is known."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ids", "last"], ["column"]),
        helper.make_node("Mul", ["column", "scale"], ["left"]),
        helper.make_node("MatMul", ["left", "weight"], ["logit"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    stored = {"last": np.array([-1]), "scale": scale_h, "weight": np.ones((len(scale_h), 2), np.float32)}
    graph = helper.make_graph(
        nodes,
        "scaled",
        inputs,
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    set_metadata(model, "max_tokens", 16)
    set_metadata(model, "input_ids.values", 11)
    return model


def test_peaks_are_per_column_and_the_lowest_value_is_over_all() -> None:
    seen = observe(scaled_graph(np.array([1, 0.5, -3], np.float32)))
    assert seen.keys() == {"left"}
    np.testing.assert_allclose(seen["left"].peaks_k, [10, 5, 30])
    assert seen["left"].lowest == -30


def test_only_products_with_a_stored_matrix_count(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.fp32)
    products = weight_products(graph)
    assert len(products) == 12
    assert len([node for node in graph.graph.node if node.op_type == "MatMul"]) > len(products)


def test_the_graph_is_left_as_it_was(cross_encoder: Exported) -> None:
    graph = onnx.load(cross_encoder.fp32)
    before = graph.SerializeToString()
    seen = observe(graph)
    assert graph.SerializeToString() == before
    assert len(seen) == 9, "four tensors a layer: queries, keys and values read the same one, but for the last layer's"


def test_the_inputs_of_gelu_s_successor_are_one_sided(cross_encoder: Exported) -> None:
    seen = observe(onnx.load(cross_encoder.fp32))
    one_sided = [name for name, activation in seen.items() if activation.lowest >= -0.2]
    assert len(one_sided) == 2


def test_another_process_observes_the_same_so_that_an_export_can_be_repeated(cross_encoder: Exported) -> None:
    """Sets of texts are in another order there: by these two seeds of hashes that of the two inputs' names turns."""
    told = [
        subprocess.run(
            [sys.executable, "-c", OBSERVER, str(cross_encoder.fp32)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "3")
    ]
    assert told[0] == told[1] != ""
