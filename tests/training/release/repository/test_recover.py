"""A shipped version folder is enough to rebuild the fp32 reference."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers import BertForSequenceClassification

from tests.training.export.conftest import Exported, tiny_config
from tests.training.export.inputs import batch_of, random_rows, reference_logits, run_graph
from training.export.graph.export import export_cross_encoder
from training.export.int8.quantize import quantize
from training.release.repository.recover import WeightsMissing, graph_weights, recover_cross_encoder


def _folder(exported: Exported, graph: Path, folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(graph.read_bytes())
    exported.model.config.to_json_file(folder / "config.json", use_diff=False)
    return folder


def test_from_an_fp32_graph_the_very_model_comes_back(cross_encoder: Exported, tmp_path: Path) -> None:
    model = recover_cross_encoder(_folder(cross_encoder, cross_encoder.fp32, tmp_path))
    for name, value in cross_encoder.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_from_an_int8_graph_its_own_weights_come_back(cross_encoder: Exported, tmp_path: Path) -> None:
    model = recover_cross_encoder(_folder(cross_encoder, cross_encoder.int8, tmp_path))
    stored = graph_weights(onnx.load(cross_encoder.int8))
    original = cross_encoder.model.state_dict()
    name = "bert.encoder.layer.0.output.dense.weight"
    recovered = model.state_dict()[name].numpy()
    np.testing.assert_array_equal(recovered, stored[name])
    step = np.abs(original[name].numpy()).max(axis=1, keepdims=True) / 127
    assert (np.abs(recovered - original[name].numpy()) <= step * 0.5001).all()
    assert not model.training


def test_the_recovered_model_and_its_fp32_graph_agree(cross_encoder: Exported, tmp_path: Path) -> None:
    model = recover_cross_encoder(_folder(cross_encoder, cross_encoder.int8, tmp_path))
    graph = export_cross_encoder(model, tmp_path / "fp32.onnx")
    rows = random_rows(17, 20)
    np.testing.assert_allclose(run_graph(graph, batch_of(rows)), reference_logits(model, rows), atol=1e-4)


def test_parameters_of_equal_value_all_come_back(tmp_path: Path) -> None:
    """A fresh BERT: all biases 0 and all norms 1, which an exporter stores once."""
    torch.manual_seed(2)
    fresh = BertForSequenceClassification(tiny_config(hidden_size=16, intermediate_size=16))
    graph = export_cross_encoder(fresh, tmp_path / "fp32.onnx")
    exported = Exported(fresh, graph, quantize(graph, tmp_path / "int8.onnx"))
    exact = recover_cross_encoder(_folder(exported, exported.fp32, tmp_path)).state_dict()
    for name, value in fresh.state_dict().items():
        assert torch.equal(exact[name], value), name
    rounded = recover_cross_encoder(_folder(exported, exported.int8, tmp_path)).state_dict()
    assert torch.equal(rounded["bert.encoder.layer.1.output.LayerNorm.weight"], torch.ones(16))


def test_a_graph_without_a_weight_is_refused_by_name(cross_encoder: Exported, tmp_path: Path) -> None:
    folder = _folder(cross_encoder, cross_encoder.fp32, tmp_path)
    graph = onnx.load(folder / "model.onnx")
    for one in graph.graph.initializer:
        if one.name == "classifier.weight":
            one.CopyFrom(numpy_helper.from_array(np.zeros((1, 32), np.float32), "another name"))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(WeightsMissing, match=r"classifier\.weight"):
        recover_cross_encoder(folder)
