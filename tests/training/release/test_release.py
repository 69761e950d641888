"""A trained run becomes a version that Triton can load: graph, encoding with golden pairs, baseline, card."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from gateway.encoding.bundle import open_bundle
from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.errors import ConfigInvalid
from training.export.compare import score_graph
from training.export.packed_weights import score_packed
from training.export.precision import Device, Precision
from training.options.config import TrainingConfig
from training.options.protocol import Protocol
from training.options.text import TextOptions
from training.protocol.dataset import Dataset
from training.ranker.baselines import WITHOUT_LOGIT, read_baselines
from training.ranker.fit import Fusions
from training.release.golden import HARD_TEXTS, golden_inputs, tolerance_of
from training.release.release import Release, ServedForm
from training.release.repository.triton_config import read_config
from training.run_folder import RunFolder

TABLES = synthetic_tables()
FUSIONS = Fusions(
    Fusion(LinearFusion((FusionTerm("logit", 2.0),), 0.5)),
    {WITHOUT_LOGIT: Fusion(LinearFusion((FusionTerm("first_stage", 1.0),)))},
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    texts = [" ".join(item.fields.values()) for item in TABLES.items]
    base = save_tiny_model(tmp_path_factory.mktemp("base") / "tiny", texts)
    text = TextOptions(4, ("title",), 6, 28, ("title", "genre"), 10)
    protocol = Protocol(min_positives=12, held_out=3)
    return TrainingConfig(name="tiny", base_model=str(base), layers=2, protocol=protocol, text=text)


@pytest.fixture(scope="module")
def trained(config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    torch.manual_seed(1)
    AutoModelForSequenceClassification.from_pretrained(config.base_model, num_labels=1).save_pretrained(folder.model)
    return folder


@pytest.fixture(scope="module")
def version(config: TrainingConfig, trained: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    release = Release(config, Dataset(TABLES, config.protocol), trained)
    return release.write(tmp_path_factory.mktemp("repository"), 3, FUSIONS, "# A card\n")


def test_the_version_holds_all_that_is_served(version: Path) -> None:
    assert version.name == "3"
    assert (version / "README.md").read_text(encoding="utf-8") == "# A card\n"
    bundle = open_bundle(version / "encoding")
    assert bundle.fusion == FUSIONS.served
    assert read_baselines(version / "encoding") == FUSIONS.without_logit
    assert bundle.fingerprint in (version.parent / "config.pbtxt").read_text(encoding="utf-8")


def test_golden_pairs_are_encoded_as_told_and_answered_within_tolerance(version: Path) -> None:
    bundle = open_bundle(version / "encoding")
    assert bundle.golden.token_faults(bundle.encoder) == []
    logits = score_graph(version / "model.onnx", bundle.golden.encode(bundle.encoder))
    assert bundle.golden.logit_faults(logits, range(len(logits))) == []
    assert bundle.golden.logit_faults(logits + 2 * bundle.golden.tolerance, range(len(logits)))


def test_golden_logits_are_those_of_the_trained_weights(version: Path, config: TrainingConfig) -> None:
    bundle = open_bundle(version / "encoding")
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(config.base_model, num_labels=1).eval()
    for pair, encoded in zip(bundle.golden.pairs, bundle.golden.encode(bundle.encoder), strict=True):
        with torch.no_grad():
            logit = model(
                input_ids=torch.tensor([encoded.token_ids]), token_type_ids=torch.tensor([encoded.type_ids])
            ).logits.item()
        assert pair.logit == pytest.approx(logit, abs=1e-5)


def test_golden_inputs_hold_every_hard_text_empty_histories_and_long_items(version: Path) -> None:
    bundle = open_bundle(version / "encoding")
    texts = {pair.item["title"] for pair in bundle.golden.pairs} | {
        one["title"] for pair in bundle.golden.pairs for one in pair.history
    }
    assert set(HARD_TEXTS) <= texts
    assert any(not pair.history for pair in bundle.golden.pairs)
    assert any(pair.query for pair in bundle.golden.pairs)
    assert any(encoded.truncated for encoded in bundle.golden.encode(bundle.encoder))


def test_golden_inputs_leave_token_ids_and_logits_to_encoder_and_model(config: TrainingConfig) -> None:
    dataset = Dataset(TABLES, config.protocol)
    assert all(pair.token_ids == () for pair in golden_inputs(dataset, ("title", "genre")))


def test_a_tolerance_is_wider_than_the_largest_error_and_refuses_nan() -> None:
    assert tolerance_of([1.0, 2.0], [1.1, 2.0]) == pytest.approx(0.16, abs=1e-3)
    with pytest.raises(ValueError, match="no finite logit"):
        tolerance_of([1.0], [float("nan")])


def test_the_shipped_configuration_describes_the_graph(version: Path) -> None:
    document = json.loads((version / "config.json").read_text(encoding="utf-8"))
    assert document["num_hidden_layers"] == 2
    assert document["hidden_size"] == 32


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.BF16])
def test_a_version_for_gpus_has_packed_weights_and_golden_pairs_that_both_engines_answer(
    config: TrainingConfig, trained: RunFolder, tmp_path: Path, precision: Precision
) -> None:
    release = Release(config, Dataset(TABLES, config.protocol), trained, ServedForm.chosen(Device.GPU, precision))
    version = release.write(tmp_path, 1, FUSIONS, "# A card\n")
    bundle = open_bundle(version / "encoding")
    pairs = bundle.golden.encode(bundle.encoder)
    for logits in (score_packed(version, pairs), score_graph(version / "model.onnx", pairs)):
        assert bundle.golden.logit_faults(logits, range(len(logits))) == []
    (group,) = read_config(version.parent / "config.pbtxt").instance_group
    assert group.kind == group.KIND_GPU
    assert (version / "packed" / "engine.py").is_file()
    (staged,) = read_config(_staged(release, tmp_path) / "config.pbtxt").instance_group
    assert staged.kind == staged.KIND_CPU, "the lists of an export are served on this machine"


def test_a_version_for_cpus_can_have_the_weights_as_they_were_trained(
    config: TrainingConfig, trained: RunFolder, tmp_path: Path
) -> None:
    form = ServedForm.chosen(Device.CPU, Precision.FP32)
    version = Release(config, Dataset(TABLES, config.protocol), trained, form).write(tmp_path, 1, FUSIONS, "# A card\n")
    bundle = open_bundle(version / "encoding")
    logits = score_graph(version / "model.onnx", bundle.golden.encode(bundle.encoder))
    assert logits == pytest.approx([pair.logit for pair in bundle.golden.pairs], abs=1e-5)
    (group,) = read_config(version.parent / "config.pbtxt").instance_group
    assert group.kind == group.KIND_CPU
    assert form.weights.startswith("fp32")


def _staged(release: Release, tmp_path: Path) -> Path:
    (tmp_path / "models" / "bi_encoder").mkdir(parents=True)
    return release.stage(tmp_path / "models" / "bi_encoder", tmp_path / "staged", None) / "cross_encoder"


@pytest.mark.parametrize(("device", "precision"), [(Device.CPU, Precision.FP16), (Device.GPU, Precision.INT8)])
def test_forms_that_do_not_go_together_are_refused(device: Device, precision: Precision) -> None:
    with pytest.raises(ConfigInvalid, match=f"{precision} is not exported for a {device}; give --precision"):
        ServedForm.chosen(device, precision)


def test_a_form_left_open_is_int8_on_cpus_and_fp16_on_gpus() -> None:
    assert ServedForm.chosen(Device.CPU, None) == ServedForm()
    assert ServedForm.chosen(Device.GPU, None).precision is Precision.FP16
    assert "without padding" in ServedForm.chosen(Device.GPU, None).weights
    assert "int8" in ServedForm().weights
