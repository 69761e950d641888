"""Checkpoints come from a hub over HTTP or from a folder; never any code, and every failure in words of ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from deploy.local.parts.ports import free_port
from tests.training.importing.checkpoints import save_checkpoint
from tests.training.importing.hub import COMMIT, Hub, served
from training.errors import SourceUnavailable
from training.importing.checkpoint import open_checkpoint
from training.model import source
from training.model.source import find_source

NEVER_FETCHED = ("pytorch_model.bin", "modeling_evil.py", "training_args.json")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = save_checkpoint(tmp_path / "tiny", "bert")
    for name in NEVER_FETCHED:
        (folder / name).write_text("not to be read", encoding="utf-8")
    with served(Hub(folder)) as running:
        _use_hub(running.url, tmp_path / "cache", monkeypatch)
        yield running


def _use_hub(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def test_a_model_of_a_hub_is_fetched_at_a_commit_and_opened(hub: Hub) -> None:
    found = find_source(hub.public)
    assert (found.name, found.revision) == (hub.public, COMMIT)
    checkpoint = open_checkpoint(found)
    local = open_checkpoint(find_source(str(hub.folder)))
    assert checkpoint.weights_sha256 == local.weights_sha256
    assert checkpoint.licence == "mit"
    assert "model.safetensors" in hub.asked


def test_neither_code_nor_pickled_weights_are_fetched(hub: Hub) -> None:
    found = find_source(hub.public, "v1")
    assert not set(NEVER_FETCHED) & set(hub.asked)
    assert not set(NEVER_FETCHED) & {file.name for file in found.folder.iterdir()}


def test_a_second_import_of_the_commit_fetches_nothing(hub: Hub) -> None:
    first = find_source(hub.public, COMMIT)
    fetched = list(hub.asked)
    assert find_source(hub.public, COMMIT) == first
    assert hub.asked == fetched


def test_without_a_network_the_cache_of_the_machine_serves(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find_source(hub.public)
    _use_hub(f"http://127.0.0.1:{free_port()}", tmp_path / "cache", monkeypatch)
    assert find_source(hub.public) == first


def test_without_a_network_and_a_copy_the_remedy_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_hub(f"http://127.0.0.1:{free_port()}", tmp_path / "cache", monkeypatch)
    with pytest.raises(
        SourceUnavailable, match=r"cannot be reached, and tiny/other at revision main .*give the folder"
    ):
        find_source("tiny/other")


def test_offline_mode_is_told_like_a_missing_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        find_source("tiny/other", "v2")


@pytest.mark.parametrize(
    ("model", "revision", "message"),
    [
        ("tiny/unknown", None, "no public model tiny/unknown, and there is no such folder; check the name"),
        ("tiny/cross-encoder", "v9", "no tiny/cross-encoder at revision v9; name a branch, a tag or a commit"),
        ("tiny/gated", None, "tiny/gated at revision main is gated; accept its terms"),
        ("./no/such/folder", None, "'./no/such/folder' is neither a folder nor a name of the form owner/model"),
    ],
)
def test_what_a_hub_does_not_give_is_said(hub: Hub, model: str, revision: str | None, message: str) -> None:
    with pytest.raises(SourceUnavailable, match=message):
        find_source(model, revision)


def test_a_disk_that_is_full_is_no_matter_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(source, "snapshot_download", full)
    with pytest.raises(SourceUnavailable, match=r"this machine could not store .* No space left"):
        find_source("tiny/cross-encoder")
