"""A version's manifest names what ships."""

from pathlib import Path

from gateway.domain.manifest import MANIFEST_FILE, manifest_faults
from training.release.repository.manifest import enter_file, write_manifest


def test_a_manifest_names_every_file_but_itself_and_what_python_compiled(tmp_path: Path) -> None:
    for name in ("model.py", "encoding/spec.json", "__pycache__/model.cpython-311.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_manifest(tmp_path)
    (tmp_path / "__pycache__" / "model.cpython-311.pyc").unlink()
    assert manifest_faults(tmp_path) == []
    assert "__pycache__" not in (tmp_path / MANIFEST_FILE).read_text(encoding="utf-8")


def test_a_file_is_entered_without_vouching_for_another_that_changed(tmp_path: Path) -> None:
    for name in ("model.py", "README.md"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_manifest(tmp_path)
    (tmp_path / "model.py").write_text("model.pY", encoding="utf-8")
    for verdict in ("passed", "refused"):
        (tmp_path / "gate.json").write_text(verdict, encoding="utf-8")
        enter_file(tmp_path, "gate.json")
    assert [fault.split(":")[0] for fault in manifest_faults(tmp_path)] == ["model.py"]


def test_a_manifest_that_cannot_be_read_gets_no_entry(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).write_text("{", encoding="utf-8")
    enter_file(tmp_path, "gate.json")
    assert (tmp_path / MANIFEST_FILE).read_text(encoding="utf-8") == "{"
