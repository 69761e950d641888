"""The fp16 graph: half the size, near fp32, with the same inputs, output and limits."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.training.export.conftest import Exported
from tests.training.export.inputs import batch_of, random_rows, run_graph
from training.export.graph.half_precision import to_half
from training.export.graph.parameter_names import metadata
from training.release.repository.triton_config import Signature


@pytest.fixture(scope="module")
def half(cross_encoder: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return to_half(cross_encoder.fp32, tmp_path_factory.mktemp("half") / "model.onnx")


def test_logits_stay_near_and_are_no_copies(cross_encoder: Exported, half: Path) -> None:
    batch = batch_of(random_rows(6, 48))
    expected, actual = run_graph(cross_encoder.fp32, batch), run_graph(half, batch)
    assert 0 < np.abs(actual - expected).max() < 0.02 * expected.std()


def test_weights_take_half_the_space(cross_encoder: Exported, half: Path) -> None:
    wide = [one.name for one in onnx.load(half).graph.initializer if one.data_type == TensorProto.FLOAT]
    assert wide == []
    assert half.stat().st_size < 0.6 * cross_encoder.fp32.stat().st_size


def test_signature_and_limits_stay(cross_encoder: Exported, half: Path) -> None:
    assert Signature.of(half) == Signature.of(cross_encoder.fp32)
    (output,) = onnx.load(half).graph.output
    assert output.type.tensor_type.elem_type == TensorProto.FLOAT
    assert metadata(onnx.load(cross_encoder.fp32)).items() <= metadata(onnx.load(half)).items()


def test_a_padded_row_has_a_finite_logit_of_its_own(half: Path) -> None:
    rows = random_rows(9, 6)
    together = run_graph(half, batch_of(rows, padding=0))
    alone = np.concatenate([run_graph(half, batch_of([row])) for row in rows])
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, alone, atol=2e-3)
