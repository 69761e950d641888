"""A renewed graph has the weights of the old one to the bit, and its logits but for the rounding of activations."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.export.conftest import Exported
from tests.export.inputs import batch_of, random_rows, run_graph
from training.export.recover import graph_weights
from training.export.renew import renew


@pytest.fixture
def renewed(cross_encoder: Exported, tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(cross_encoder.int8.read_bytes())
    cross_encoder.model.config.to_json_file(tmp_path / "config.json", use_diff=False)
    return renew(tmp_path, tmp_path / "renewed.onnx")


def test_every_weight_is_the_same_number(cross_encoder: Exported, renewed: Path) -> None:
    before, after = (graph_weights(onnx.load(graph)) for graph in (cross_encoder.int8, renewed))
    for name in cross_encoder.model.state_dict():
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_logits_stay_near(cross_encoder: Exported, renewed: Path) -> None:
    batch = batch_of(random_rows(13, 32))
    before, after = run_graph(cross_encoder.int8, batch), run_graph(renewed, batch)
    assert np.abs(after - before).max() < 0.1 * before.std()
