"""The machine that numbers belong to, and whether two systems rank alike."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from clients.load import machine
from clients.load.bench.systems import agreement
from clients.load.bench.systems.wide_repository import newest_version

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


def test_tau_is_one_for_the_same_order_whatever_the_scale_and_minus_one_for_the_reverse() -> None:
    ours = [[3.0, 2.0, 1.0], [0.1, 0.2, 0.3]]
    scaled = [[30.0, 20.0, -5.0], [1.0, 2.0, 3.0]]
    found = agreement.taus(ours, {"scaled": scaled, "half": [ours[0], ours[1][::-1]]})
    assert found["scaled"] == {"mean": 1.0, "lowest": 1.0, "lists": 2}
    assert found["half"] == {"mean": pytest.approx(0.0), "lowest": -1.0, "lists": 2}


def test_one_exchange_of_neighbours_among_three_leaves_a_third() -> None:
    found = agreement.taus([[3.0, 2.0, 1.0]], {"other": [[2.0, 3.0, 1.0]]})["other"]
    assert found["mean"] == pytest.approx(1 / 3)


def test_scores_of_another_number_of_lists_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="shorter"):
        agreement.taus([[1.0, 2.0], [1.0, 2.0]], {"other": [[1.0, 2.0]]})


def test_versions_are_numbers_not_texts(tmp_path: Path) -> None:
    for name in ("2", "10", "9", "draft"):
        (tmp_path / "cross_encoder" / name).mkdir(parents=True)
    assert newest_version(tmp_path).name == "10"


def test_a_repository_without_a_version_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cross_encoder has no version folder; .*--model-repository"):
        newest_version(tmp_path)
