"""The committed code of the API is what its definition generates."""

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

GENERATED = ROOT / "protos/python/crossrank/v1"


def generate(protos: Path, folder: Path) -> dict[str, bytes]:
    """The files that `make proto` writes for the definitions in ``protos``."""
    out = [f"--{kind}={folder}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    files = sorted(str(file) for file in protos.glob("crossrank/v1/*.proto"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{protos}",
        *out,
        f"--mypy_grpc_out=quiet:{folder}",
        *files,
    ]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command, check=True, env=environment)
    made = {file.name: file.read_bytes() for file in (folder / "crossrank/v1").iterdir()}
    made["service_config.json"] = (protos / "crossrank/v1/service_config.json").read_bytes()
    return made


def test_the_committed_code_is_fresh(tmp_path: Path) -> None:
    made = generate(ROOT / "protos", tmp_path)
    committed = {
        file.name: file.read_bytes() for file in GENERATED.iterdir() if file.is_file() and file.name != "__init__.py"
    }
    assert set(made) == set(committed)
    assert [name for name in made if made[name] != committed[name]] == [], "run make proto"


def test_a_changed_definition_is_noticed(tmp_path: Path) -> None:
    protos = tmp_path / "protos"
    (protos / "crossrank/v1").mkdir(parents=True)
    for file in (ROOT / "protos/crossrank/v1").iterdir():
        (protos / "crossrank/v1" / file.name).write_bytes(file.read_bytes())
    changed = protos / "crossrank/v1/types.proto"
    changed.write_text(changed.read_text().replace("string item_id = 1;", "string item_key = 1;", 1))
    out = tmp_path / "out"
    out.mkdir()
    assert generate(protos, out)["types_pb2.py"] != (GENERATED / "types_pb2.py").read_bytes()
