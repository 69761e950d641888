"""A checkpoint imported for GPUs: BERT's and RoBERTa's families bring packed weights, whose errors the golden set
allows; others stay with their graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.encoding.bundle import open_bundle
from tests.training.importing.checkpoints import save_checkpoint
from tests.training.importing.conftest import TEXT, open_folder
from training.export.compare import score_graph
from training.export.packed_weights import NotPackable, score_packed
from training.export.precision import Device, Precision
from training.importing.importer import Imported, ImportPlan, import_checkpoint
from training.release.repository.triton_config import read_config


def imported_for_gpu(tmp_path: Path, family: str, precision: Precision) -> Imported:
    checkpoint = open_folder(save_checkpoint(tmp_path / "checkpoint", family))
    plan = ImportPlan(repository=tmp_path / "models", version=1, text=TEXT, precision=precision, device=Device.GPU)
    return import_checkpoint(checkpoint, plan, lambda _: None)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
def test_packed_weights_answer_the_golden_pairs(tmp_path: Path, family: str, precision: Precision) -> None:
    imported = imported_for_gpu(tmp_path, family, precision)
    assert imported.exactness.packed
    bundle = open_bundle(imported.folder / "encoding")
    pairs = bundle.golden.encode(bundle.encoder)
    packed, graph = score_packed(imported.folder, pairs), score_graph(imported.folder / "model.onnx", pairs)
    for logits in (packed, graph):
        assert bundle.golden.logit_faults(logits, range(len(logits))) == []
    assert np.abs(packed - graph).max() > 0, "two computations, not one"
    assert bundle.golden.logit_faults(packed + 2 * bundle.golden.tolerance, range(len(packed)))
    expected = np.array([pair.logit for pair in bundle.golden.pairs])
    assert imported.exactness.max_abs_dlogit >= np.abs(packed - expected).max() - 1e-6
    config = read_config(imported.folder.parent / "config.pbtxt")
    assert (config.instance_group[0].kind, list(config.instance_group[0].gpus)) == (
        config.instance_group[0].KIND_GPU,
        [],
    )
    card = (imported.folder / "README.md").read_text(encoding="utf-8")
    assert f"computed without padding, with `packed.safetensors` in {precision}" in card


def test_a_family_that_is_not_packed_stays_with_its_graph(tmp_path: Path) -> None:
    imported = imported_for_gpu(tmp_path, "distilbert", Precision.FP16)
    assert not imported.exactness.packed
    assert not (imported.folder / "packed").exists()
    assert "without padding" not in (imported.folder / "README.md").read_text(encoding="utf-8")


def test_bf16_needs_a_family_that_is_packed(tmp_path: Path) -> None:
    with pytest.raises(NotPackable, match="does not compute distilbert"):
        imported_for_gpu(tmp_path, "distilbert", Precision.BF16)
    assert not (tmp_path / "models").exists()


def test_weights_beyond_the_range_of_fp16_are_refused(tmp_path: Path) -> None:
    checkpoint = open_folder(save_checkpoint(tmp_path / "checkpoint", "bert"))
    weight = checkpoint.model.get_parameter("bert.encoder.layer.0.intermediate.dense.weight")
    weight.data[0, 0] = 1e6
    plan = ImportPlan(repository=tmp_path / "models", version=1, text=TEXT, device=Device.GPU)
    with pytest.raises(NotPackable, match=r"beyond the range of torch\.float16; give --precision bf16"):
        import_checkpoint(checkpoint, replace(plan, precision=Precision.FP16), lambda _: None)


def test_a_checkpoint_in_fp32_stays_exact_on_a_gpu(tmp_path: Path) -> None:
    assert not imported_for_gpu(tmp_path, "bert", Precision.FP32).exactness.packed
