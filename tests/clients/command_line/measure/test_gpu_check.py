"""crossrank gpu-check: a table or JSON on standard output, files on request, exit code 3 where there is no card."""

import json
from pathlib import Path

import pytest

from tests.clients.command_line.program import crossrank


def test_a_quick_trial_on_a_cpu_prints_json_and_writes_both_files(tmp_path: Path) -> None:
    outcome = crossrank("gpu-check", "--device", "cpu", "--quick", "--json", "--report", tmp_path)
    assert outcome.exit_code == 0, outcome.notes
    assert outcome.document["quick"] is True
    assert {one["precision"] for one in outcome.document["exactness"]} == {"fp16", "bf16"}
    assert json.loads((tmp_path / "gpu-check.json").read_text()) == outcome.document
    assert (tmp_path / "gpu-check.md").read_text().startswith("# CPU")


def test_a_machine_without_a_card_is_told_so_with_exit_code_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # also where there is one
    outcome = crossrank("gpu-check", "--json", "--report", tmp_path)
    assert (outcome.exit_code, outcome.output) == (3, "")
    told = " ".join(outcome.notes.split())
    assert "sees no NVIDIA GPU on this machine" in told
    assert "--device cpu --quick" in told
    assert "Traceback" not in outcome.notes
    assert not list(tmp_path.iterdir())


def test_help_says_what_is_measured_and_what_exit_code_3_means() -> None:
    outcome = crossrank("gpu-check", "--help")
    assert outcome.exit_code == 0
    for word in ("MiniLM-L6", "--quick", "--report", "--json", "Exit code 3"):
        assert word in " ".join(outcome.output.split())
