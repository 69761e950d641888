"""A manifest finds every difference of a folder by name, and vouches for nothing that it does not name."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.domain.manifest import MANIFEST_FILE, FilesChanged, check_files, manifest_faults
from training.release.repository.manifest import write_manifest


@pytest.fixture
def version(tmp_path: Path) -> Path:
    for name in ("model.py", "encoding/spec.json", "packed/opening.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_manifest(tmp_path)
    return tmp_path


def test_a_folder_as_it_was_written_passes(version: Path) -> None:
    check_files(version)
    check_files(version, "encoding", "model.py")


def change_a_byte(version: Path) -> None:
    (version / "model.py").write_text("model.pY", encoding="utf-8")


def add_code(version: Path) -> None:
    (version / "packed" / "engine.py").write_text("print()", encoding="utf-8")


def take_away(version: Path) -> None:
    (version / "encoding" / "spec.json").unlink()


def link_a_file(version: Path) -> None:
    (version / "model.py").rename(version.parent / "elsewhere.py")
    (version / "model.py").symlink_to(version.parent / "elsewhere.py")


def link_a_folder(version: Path) -> None:
    (version / "packed").rename(version.parent / "elsewhere")
    (version / "packed").symlink_to(version.parent / "elsewhere")


def link_outwards(version: Path) -> None:
    (version / "more").symlink_to("nowhere")


def add_a_pipe(version: Path) -> None:
    os.mkfifo(version / "pipe")


CHANGES: dict[Callable[[Path], None], str] = {
    change_a_byte: "model.py: sha256",
    add_code: "packed/engine.py is not one of the files",
    take_away: "encoding/spec.json is missing",
    link_a_file: "model.py is a symbolic link",
    link_a_folder: "packed is a symbolic link",
    link_outwards: "more is a symbolic link",
    add_a_pipe: "pipe is not one of the files",
}


@pytest.mark.parametrize(("change", "told"), CHANGES.items(), ids=[one.__name__ for one in CHANGES])
def test_each_change_is_told_by_name_with_a_remedy(
    tmp_path_factory: pytest.TempPathFactory, version: Path, change: Callable[[Path], None], told: str
) -> None:
    moved = version.rename(tmp_path_factory.mktemp("model") / "1")
    change(moved)
    with pytest.raises(FilesChanged, match=rf"/1: {told}.*copy or export the version again"):
        check_files(moved)


def test_a_part_is_checked_without_the_rest(version: Path) -> None:
    change_a_byte(version)
    check_files(version, "encoding")
    take_away(version)
    assert manifest_faults(version, "encoding") == ["encoding/spec.json is missing"]
    assert manifest_faults(version, "enc") == ["enc is missing"], "a part is a whole name"


def test_a_part_that_nobody_wrote_is_no_part(version: Path) -> None:
    (version / "golden.json").write_text("[]", encoding="utf-8")
    assert manifest_faults(version, "golden.json") == [
        "golden.json is not one of the files that the version was written with"
    ]


@pytest.mark.parametrize("entry", [{}, {"bytes": 8}, {"md5": "0"}])
def test_an_entry_without_the_digest_vouches_for_nothing(version: Path, entry: dict[str, object]) -> None:
    written = json.loads((version / MANIFEST_FILE).read_bytes())
    (version / MANIFEST_FILE).write_text(json.dumps({**written, "model.py": entry}), encoding="utf-8")
    assert "written with None" in manifest_faults(version)[-1]


def test_a_manifest_that_is_a_link_is_none(version: Path) -> None:
    (version / MANIFEST_FILE).rename(version.parent / "files.json")
    (version / MANIFEST_FILE).symlink_to(version.parent / "files.json")
    assert manifest_faults(version) == ["files.json is a symbolic link"]
    (version.parent / "files.json").unlink()
