"""Version folders: complete, written at once, never overwritten."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.export.backend import checksum_graph
from training.release.repository.triton_config import ServingOptions, read_config
from training.release.repository.version import (
    PACKED_SOURCE,
    WORKER_SOURCE,
    VersionContent,
    VersionRefused,
    write_model_version,
)


@pytest.fixture
def content(tmp_path: Path) -> VersionContent:
    source = tmp_path / "source"
    (source / "encoding").mkdir(parents=True)
    (source / "encoding" / "spec.json").write_text("{}")
    (source / "config.json").write_text(json.dumps({"model_type": "bert", "_name_or_path": "a-folder/model"}))
    (source / "tokenizer.json").write_text("{}")
    return VersionContent(
        graph=checksum_graph(source / "graph.onnx"),
        transformers_config=source / "config.json",
        card="# A model",
        encoding=source / "encoding",
        encoding_fingerprint="first",
        files=(source / "tokenizer.json",),
    )


def parameters(repository: Path) -> dict[str, str]:
    config = read_config(repository / "ranker" / "config.pbtxt")
    return {name: value.string_value for name, value in config.parameters.items() if "fingerprint" in name}


def test_a_version_has_all_that_serving_and_checking_need(tmp_path: Path, content: VersionContent) -> None:
    folder = write_model_version(tmp_path / "models", "ranker", 1, content)
    assert folder == tmp_path / "models" / "ranker" / "1"
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    worker, given = {"model.py", "manifest.py"}, {"model.onnx", "config.json", "tokenizer.json", "encoding/spec.json"}
    assert files == worker | given | {"README.md", "files.json"}
    assert (folder / "model.py").read_bytes() == WORKER_SOURCE.read_bytes()
    assert (folder / "model.onnx").read_bytes() == content.graph.read_bytes()
    assert (folder / "README.md").read_text() == "# A model"
    assert read_config(folder.parent / "config.pbtxt").name == "ranker"


def test_the_warm_up_file_is_a_mask_that_the_worker_accepts(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, content)
    config = read_config(tmp_path / "models" / "ranker" / "config.pbtxt")
    sample = config.model_warmup[0].inputs["attention_mask"]
    content_bytes = (tmp_path / "models" / "ranker" / "warmup" / sample.input_data_file).read_bytes()
    assert content_bytes == b"\x01\x00\x00\x00" * sample.dims[0]


def test_a_version_is_never_overwritten(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, content)
    with pytest.raises(VersionRefused, match="exists"):
        write_model_version(tmp_path / "models", "ranker", 1, replace(content, card="# Another"))
    assert (tmp_path / "models" / "ranker" / "1" / "README.md").read_text() == "# A model"


@pytest.mark.parametrize("version", [0, -1])
def test_versions_count_from_one(tmp_path: Path, content: VersionContent, version: int) -> None:
    with pytest.raises(VersionRefused, match="positive"):
        write_model_version(tmp_path / "models", "ranker", version, content)


def test_a_graph_too_large_for_git_needs_a_word(tmp_path: Path, content: VersionContent) -> None:
    size_mb = content.graph.stat().st_size / 1e6
    with pytest.raises(VersionRefused, match="MB"):
        write_model_version(tmp_path / "models", "ranker", 1, content, max_graph_mb=size_mb * 0.99)
    assert not (tmp_path / "models").exists()
    write_model_version(tmp_path / "models", "ranker", 1, content, max_graph_mb=size_mb)


def test_a_version_that_fails_halfway_leaves_nothing(tmp_path: Path, content: VersionContent) -> None:
    broken = replace(content, files=(tmp_path / "missing.json",))
    with pytest.raises(FileNotFoundError):
        write_model_version(tmp_path / "models", "ranker", 1, broken)
    assert list((tmp_path / "models" / "ranker").iterdir()) == []


def test_each_version_publishes_its_own_fingerprint(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, content)
    write_model_version(tmp_path / "models", "ranker", 2, replace(content, encoding_fingerprint="second"))
    found = parameters(tmp_path / "models")
    assert {name: text for name, text in found.items() if name.startswith("encoding_fingerprint.")} == {
        "encoding_fingerprint.1": "first",
        "encoding_fingerprint.2": "second",
    }


@pytest.mark.parametrize("served", [1, 3])
def test_a_version_that_nobody_judged_is_loaded_beside_the_one_that_serves(
    served: int, tmp_path: Path, content: VersionContent
) -> None:
    write_model_version(tmp_path / "models", "ranker", served, content, ServingOptions(instances=3))
    write_model_version(tmp_path / "models", "ranker", 2, replace(content, encoding_fingerprint="second"))
    config = read_config(tmp_path / "models" / "ranker" / "config.pbtxt")
    assert config.parameters["serving_version"].string_value == str(served)
    assert config.parameters["encoding_fingerprint"].string_value == "first"
    assert list(config.version_policy.specific.versions) == sorted([2, served])
    assert config.instance_group[0].count == 3, "how the model is served stays as somebody set it"


def test_the_fingerprint_of_a_removed_version_goes_with_it(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, content)
    shutil.rmtree(tmp_path / "models" / "ranker" / "1")
    write_model_version(tmp_path / "models", "ranker", 2, replace(content, encoding_fingerprint="second"))
    assert parameters(tmp_path / "models").keys() == {"encoding_fingerprint", "encoding_fingerprint.2"}


def test_a_model_without_encoding_has_no_fingerprint(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, replace(content, encoding=None, encoding_fingerprint=""))
    assert parameters(tmp_path / "models") == {}


def test_paths_of_the_training_machine_are_left_out(tmp_path: Path, content: VersionContent) -> None:
    folder = write_model_version(tmp_path / "models", "ranker", 1, content)
    assert json.loads((folder / "config.json").read_text()) == {"model_type": "bert"}


def test_options_reach_the_configuration(tmp_path: Path, content: VersionContent) -> None:
    write_model_version(tmp_path / "models", "ranker", 1, content, ServingOptions(instances=3, workers=2))
    config = read_config(tmp_path / "models" / "ranker" / "config.pbtxt")
    assert config.instance_group[0].count == 3
    assert config.parameters["workers"].string_value == "2"


def test_a_version_for_gpus_brings_its_engine_and_its_weights(tmp_path: Path, content: VersionContent) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    folder = write_model_version(tmp_path / "models", "ranker", 1, replace(content, packed=weights))
    assert (folder / "packed.safetensors").read_bytes() == b"weights"
    sources = {file.name: file.read_bytes() for file in PACKED_SOURCE.glob("*.py")}
    assert {file.name: file.read_bytes() for file in (folder / "packed").iterdir()} == sources
    assert {"__init__.py", "opening.py", "engine.py"} <= sources.keys()
    assert {"packed.safetensors", "packed/engine.py"} <= json.loads((folder / "files.json").read_text()).keys()


def test_weights_too_large_for_git_need_a_word_as_graphs_do(tmp_path: Path, content: VersionContent) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(bytes(content.graph.stat().st_size + 1000))
    with pytest.raises(VersionRefused, match="weights has"):
        write_model_version(
            tmp_path / "models",
            "ranker",
            1,
            replace(content, packed=weights),
            max_graph_mb=weights.stat().st_size / 1.01e6,
        )


def test_the_engine_for_gpus_imports_nothing_of_the_project() -> None:
    for file in PACKED_SOURCE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            assert not {name.partition(".")[0] for name in modules} & {"training", "gateway", "deploy", "clients"}, file
