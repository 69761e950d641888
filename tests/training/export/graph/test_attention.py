"""One operator for an attention, and every logit where it was."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto

from tests.training.export.conftest import Exported
from tests.training.export.inputs import batch_of, random_rows, run_graph
from training.export.graph.attention import fuse


def operators(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def fused(graph: Path, folder: Path) -> Path:
    model = onnx.load(graph)
    assert fuse(model) == 2
    onnx.checker.check_model(model)
    onnx.save(model, folder / "fused.onnx")
    return folder / "fused.onnx"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("padding", [0, 3])
def test_no_output_moves(
    cross_encoder: Exported, bi_encoder: Exported, tmp_path: Path, seed: int, padding: int
) -> None:
    for exported in (cross_encoder, bi_encoder):
        batch = batch_of(random_rows(seed, 16, longest=40), padding)
        expected = run_graph(exported.fp32, batch)
        actual = run_graph(fused(exported.fp32, tmp_path), batch)
        np.testing.assert_allclose(actual, expected, atol=1e-5, err_msg=f"seed {seed}")


def test_no_part_of_an_attention_is_left(cross_encoder: Exported, tmp_path: Path) -> None:
    before = operators(onnx.load(cross_encoder.fp32))
    after = operators(onnx.load(fused(cross_encoder.fp32, tmp_path)))
    assert (before["Softmax"], before["Attention"]) == (2, 0)
    assert (after["Softmax"], after["Transpose"], after["Attention"]) == (0, 0, 2)


def test_the_runtime_does_not_fuse_residual_sums_into_its_slow_operator(
    cross_encoder: Exported, tmp_path: Path
) -> None:
    loaded = {}
    for name, graph in (("fp32", cross_encoder.fp32), ("int8", cross_encoder.int8)):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / f"{name}.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        loaded[name] = operators(onnx.load(tmp_path / f"{name}.onnx"))
    assert loaded["fp32"]["SkipLayerNormalization"] > 0
    assert loaded["int8"]["SkipLayerNormalization"] == 0


def test_a_graph_that_is_too_old_for_the_operator_keeps_its_attention(cross_encoder: Exported) -> None:
    model = onnx.load(cross_encoder.fp32)
    model.opset_import[0].version = 18
    assert fuse(model) == 0
    assert operators(model)["Softmax"] == 2


@pytest.mark.parametrize("operator", ["Softmax", "MatMul", "Mul"])
def test_an_attention_of_another_form_stays(cross_encoder: Exported, operator: str) -> None:
    """Another node where one was expected, in the first layer only."""
    model = onnx.load(cross_encoder.fp32)
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    makers = {node.output[0]: node for node in model.graph.node}
    scaled = makers[makers[softmax.input[0]].input[0]]
    changed = {"Softmax": softmax, "Mul": scaled, "MatMul": makers[scaled.input[0]]}[operator]
    changed.op_type = "Other"
    assert fuse(model) == 1
