"""What the repository carries is what export writes: same worker, same configuration, small graphs without traces."""

import json
import re
from pathlib import Path

import onnx
import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig

from gateway.domain.manifest import MANIFEST_FILE, manifest_faults
from gateway.encoding.bundle import fingerprint_of
from tests.paths import MODEL_REPOSITORY
from training.export.graph.parameter_names import metadata
from training.release.repository.triton_config import ServingOptions, Signature, model_config, read_config
from training.release.repository.version import MANIFEST_SOURCE, MAX_GRAPH_MB, WORKER_SOURCE

MODELS = sorted(folder.name for folder in MODEL_REPOSITORY.iterdir() if (folder / "config.pbtxt").is_file())
VERSIONS = sorted(
    file.parent.relative_to(MODEL_REPOSITORY).as_posix() for file in MODEL_REPOSITORY.glob("*/*/model.onnx")
)


def _published(config: ModelConfig, word: str) -> dict[str, str]:
    return {name: value.string_value for name, value in config.parameters.items() if word in name}


def test_both_models_are_there() -> None:
    assert MODELS == ["bi_encoder", "cross_encoder"]
    assert {"bi_encoder/1", "cross_encoder/1"} <= set(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("source", [WORKER_SOURCE, MANIFEST_SOURCE], ids=lambda source: source.name)
def test_the_worker_is_the_one_of_the_source(version: str, source: Path) -> None:
    shipped = MODEL_REPOSITORY / version / source.name
    assert shipped.read_bytes() == source.read_bytes(), (
        f"cp {source} {shipped}; then training.release.repository.manifest.write_manifest({shipped.parent})"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_graph_fits_into_git_and_names_no_machine(version: str) -> None:
    graph = (MODEL_REPOSITORY / version / "model.onnx").read_bytes()
    assert len(graph) <= MAX_GRAPH_MB * 1e6
    assert not re.search(rb"/(home|root|tmp|usr|opt)/", graph)
    assert b"site-packages" not in graph
    assert b'.py", line' not in graph


@pytest.mark.parametrize("version", VERSIONS)
def test_a_graph_states_the_limits_that_the_worker_checks(version: str) -> None:
    graph = onnx.load(MODEL_REPOSITORY / version / "model.onnx")
    inputs = {one.name for one in graph.graph.input} - {"attention_mask"}
    assert {"max_tokens", *(f"{name}.values" for name in inputs)} <= metadata(graph).keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_has_a_card_with_its_licence(version: str) -> None:
    card = (MODEL_REPOSITORY / version / "README.md").read_text(encoding="utf-8")
    assert "Apache-2.0" in card
    assert "## Limits" in card or "Limits:" in card


@pytest.mark.parametrize("model", MODELS)
def test_the_configuration_is_what_export_generates(model: str) -> None:
    shipped = read_config(MODEL_REPOSITORY / model / "config.pbtxt")
    newest = max((MODEL_REPOSITORY / model).glob("[0-9]*"), key=lambda folder: int(folder.name))
    signature = Signature.of(newest / "model.onnx")
    assert shipped == model_config(model, signature, ServingOptions(), _published(shipped, "fingerprint"))


@pytest.mark.parametrize("model", MODELS)
def test_each_warm_up_file_is_there(model: str) -> None:
    config = read_config(MODEL_REPOSITORY / model / "config.pbtxt")
    files = {sample.input_data_file for warmup in config.model_warmup for sample in warmup.inputs.values()}
    assert files
    assert all((MODEL_REPOSITORY / model / "warmup" / file).is_file() for file in files)


@pytest.mark.parametrize(("model", "own"), [("cross_encoder", "encoding/spec.json"), ("bi_encoder", "golden.json")])
def test_a_version_is_what_its_manifest_says(model: str, own: str) -> None:
    folder = MODEL_REPOSITORY / model / "1"
    assert manifest_faults(folder) == []
    named = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")).keys()
    assert {"model.onnx", "model.py", "manifest.py", own} <= named


def test_the_published_fingerprints_are_those_of_the_folders() -> None:
    published = _published(read_config(MODEL_REPOSITORY / "cross_encoder" / "config.pbtxt"), "fingerprint.")
    folders = [MODEL_REPOSITORY / version for version in VERSIONS if version.startswith("cross_encoder/")]
    assert published == {
        f"encoding_fingerprint.{folder.name}": fingerprint_of(folder / "encoding") for folder in folders
    }
