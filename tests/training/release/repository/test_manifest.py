"""A version's manifest names what ships."""

from pathlib import Path

from gateway.domain.manifest import MANIFEST_FILE, manifest_faults
from training.release.repository.manifest import write_manifest


def test_a_manifest_names_every_file_but_itself_and_what_python_compiled(tmp_path: Path) -> None:
    for name in ("model.py", "encoding/spec.json", "__pycache__/model.cpython-311.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_manifest(tmp_path)
    (tmp_path / "__pycache__" / "model.cpython-311.pyc").unlink()
    assert manifest_faults(tmp_path) == []
    assert "__pycache__" not in (tmp_path / MANIFEST_FILE).read_text(encoding="utf-8")
