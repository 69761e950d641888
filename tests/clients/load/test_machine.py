"""The machine and the versions that numbers belong to."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from clients.load import machine

CPU_INFO = """processor\t: 0
model name\t: First: Processor @ 2.0GHz
flags\t\t: fpu avx2 avx512_vnni amx_int8 made_up

processor\t: 1
model name\t: Second Processor
flags\t\t: fpu
"""


def test_the_first_processor_speaks_for_all_and_only_instructions_that_matter_are_named(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(CPU_INFO)
    found = machine.describe_machine(tmp_path / "cpuinfo")
    assert found["processor"] == "First: Processor @ 2.0GHz"
    assert found["instructions"] == ["avx2", "avx512_vnni", "amx_int8"]


def test_a_machine_without_that_file_is_described_all_the_same(tmp_path: Path) -> None:
    found = machine.describe_machine(tmp_path / "none")
    assert found["instructions"] == []
    assert isinstance(found["cores"], int)
    assert found["cores"] >= 1
    assert json.loads(json.dumps(found)) == found


def test_a_package_that_is_not_installed_is_absent_and_the_others_keep_their_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name == "nvidia-pytriton":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", version)
    found = machine.describe_versions()
    assert found["nvidia-pytriton"] == "absent"
    assert found["grpcio"] == installed("grpcio")
