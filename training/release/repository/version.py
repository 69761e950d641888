"""Writes a complete model version into a Triton model repository, whole or not at all. Knows no training."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tritonclient.grpc.model_config_pb2 import ModelConfig

from gateway.domain import manifest
from gateway.domain.files import replace_bytes
from training.errors import TrainingError
from training.release.repository.lock import sole_change
from training.release.repository.manifest import write_manifest
from training.release.repository.recover import CONFIG_FILE, GRAPH_FILE
from training.release.repository.state import ReleaseState
from training.release.repository.triton_config import (
    WARMUP_FILE,
    WARMUP_TOKENS,
    ServingOptions,
    Signature,
    model_config,
    read_config,
    to_text,
)

WORKER_SOURCE = Path(__file__).parents[2] / "export" / "worker" / "model.py"
WORKER_FILE = "model.py"
MANIFEST_SOURCE = Path(manifest.__file__)
"""By it the worker checks its folder."""
PACKED_SOURCE = WORKER_SOURCE.with_name("packed")
"""The worker's engine for GPUs; it is the folder's own too, under the same name."""
WEIGHTS_FILE = "packed.safetensors"
CARD_FILE = "README.md"
CONFIGURATION = "config.pbtxt"
ENCODING_FOLDER = "encoding"
FINGERPRINT = "encoding_fingerprint"
MAX_GRAPH_MB = 25.0
"""Megabytes (10⁶ bytes) of a graph that a git repository should still carry."""


class VersionRefused(TrainingError):
    """A model version that must not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionContent:
    """What goes into a version folder.

    ``transformers_config``: the model's config.json. ``card``: text of README.md. ``encoding``: a folder copied as it
    is, with its fingerprint. ``files``: more files for the folder's root, such as a bi-encoder's tokenizer.json.
    ``packed``: weights of ``training.export.packed_weights``; instances on GPUs use them, others ``graph``.
    """

    graph: Path
    transformers_config: Path
    card: str
    encoding: Path | None = None
    encoding_fingerprint: str = ""
    files: tuple[Path, ...] = ()
    packed: Path | None = None


def write_model_version(
    repository: Path,
    model_name: str,
    version: int,
    content: VersionContent,
    options: ServingOptions | None = None,
    *,
    max_graph_mb: float = MAX_GRAPH_MB,
) -> Path:
    """Writes ``repository/model_name/version`` and the model's `config.pbtxt`; returns the version folder. Where
    another version serves, that one goes on serving, and the new one, which nobody judged, is only loaded beside it.

    Raises VersionRefused when the version exists or the graph is larger than ``max_graph_mb``.
    """
    model = repository / model_name
    folder = model / str(version)
    check_new(folder)
    for file in (content.graph, content.packed):
        _check_size(file, max_graph_mb)
    model.mkdir(parents=True, exist_ok=True)
    with sole_change(model, wait=True):  # a promotion that is under way rewrites the same configuration
        check_new(folder)
        with tempfile.TemporaryDirectory(prefix=f".{version}.", dir=model) as scratch:
            partial = Path(scratch) / "version"
            _fill(partial, content)
            partial.rename(folder)
        _write_warmup(model / "warmup" / WARMUP_FILE)
        config = _configuration(folder, content.encoding_fingerprint, options or ServingOptions())
        replace_bytes(model / CONFIGURATION, to_text(config).encode())
    return folder


def _configuration(folder: Path, fingerprint: str, options: ServingOptions) -> ModelConfig:
    """With the new version. Where another one serves, that goes on serving as it was configured."""
    model, version = folder.parent, int(folder.name)
    published = read_config(model / CONFIGURATION) if (model / CONFIGURATION).is_file() else ModelConfig()
    present = [int(one.name) for one in model.iterdir() if one.name.isdecimal()]
    known = {number: text for number, text in _fingerprints(published).items() if number in present}
    known[version] = fingerprint
    older = [number for number in present if number != version] if published.name else []
    state = ReleaseState.named(published) or (ReleaseState.newest(published, older) if older else None)
    if state is None or state.serving not in older:
        fresh = model_config(model.name, Signature.of(folder / GRAPH_FILE), options, {})
        return with_fingerprints(fresh, known, version)
    state.beside(version).write(published, present)
    return with_fingerprints(published, known, state.serving)


def _fingerprints(config: ModelConfig) -> dict[int, str]:
    """By version."""
    named = config.parameters.items()
    found = {name.rpartition(".")[2]: value.string_value for name, value in named if name.startswith(f"{FINGERPRINT}.")}
    return {int(number): fingerprint for number, fingerprint in found.items()}


def with_fingerprints(config: ModelConfig, known: Mapping[int, str], serving: int) -> ModelConfig:
    """The configuration with these fingerprints alone: one parameter for each version, for a gateway asks by version,
    and one for that which serves."""
    for name in [one for one in config.parameters if one.startswith(FINGERPRINT)]:
        del config.parameters[name]
    own = {f"{FINGERPRINT}.{number}": fingerprint for number, fingerprint in known.items()}
    for name, fingerprint in {FINGERPRINT: known.get(serving, ""), **own}.items():
        if fingerprint:
            config.parameters[name].string_value = fingerprint
    return config


def check_new(folder: Path) -> None:
    """Whether a version can be written to ``<model>/<number>``. Raises VersionRefused."""
    if not folder.name.isdecimal() or int(folder.name) < 1:
        raise VersionRefused(f"version {folder.name} is not a positive number", "count versions from 1")
    if folder.exists():
        raise VersionRefused(f"{folder} exists and may be served already", "write the next version")


def _check_size(file: Path | None, max_graph_mb: float) -> None:
    size_mb = file.stat().st_size / 1e6 if file else 0.0
    if size_mb > max_graph_mb:
        raise VersionRefused(
            f"{file} has {size_mb:.1f} MB; at most {max_graph_mb:g} MB are written",
            "quantise it, or give max_graph_mb for a repository that is not under git",
        )


def _fill(folder: Path, content: VersionContent) -> None:
    folder.mkdir()
    copy_worker(folder)
    shutil.copyfile(content.graph, folder / GRAPH_FILE)
    document = json.loads(content.transformers_config.read_text(encoding="utf-8"))
    (folder / CONFIG_FILE).write_text(json.dumps(_without_origin(document), indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(content.card, encoding="utf-8")
    if content.encoding is not None:
        shutil.copytree(content.encoding, folder / ENCODING_FOLDER)
    for file in content.files:
        shutil.copyfile(file, folder / file.name)
    if content.packed is not None:
        shutil.copyfile(content.packed, folder / WEIGHTS_FILE)
        shutil.copytree(PACKED_SOURCE, folder / PACKED_SOURCE.name, ignore=shutil.ignore_patterns("__pycache__"))
    write_manifest(folder)


def copy_worker(folder: Path) -> None:
    """What runs a graph in Triton on a CPU, into a version folder."""
    shutil.copyfile(WORKER_SOURCE, folder / WORKER_FILE)
    shutil.copyfile(MANIFEST_SOURCE, folder / MANIFEST_SOURCE.name)


def worker_files(version: Path, graph: bytes) -> dict[str, bytes]:
    """What a version's worker needs to run ``graph``: by name inside a version folder, manifest included."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in (WORKER_FILE, MANIFEST_SOURCE.name):
            shutil.copyfile(version / name, folder / name)
        (folder / GRAPH_FILE).write_bytes(graph)
        write_manifest(folder)
        return {file.name: file.read_bytes() for file in folder.iterdir()}


def _without_origin(document: dict[str, object]) -> dict[str, object]:
    """A configuration without the path it was once read from."""
    return {key: value for key, value in document.items() if key != "_name_or_path"}


def _write_warmup(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    replace_bytes(file, np.ones(WARMUP_TOKENS, np.int32).tobytes())
