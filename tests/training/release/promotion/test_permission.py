"""Only a version that the gate let pass, as it is now and against what serves now, may serve."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.release.promotion.versions import candidate
from training.release.errors import PromotionRefused
from training.release.gate.check import Check, Outcome
from training.release.gate.gate import GATE_FILE, GateReport
from training.release.promotion.permission import check_permission
from training.release.repository.manifest import enter_file, write_manifest
from training.release.repository.model_folder import ModelFolder


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return candidate(tmp_path, "version")


def judge(version: Path, outcome: Outcome = Outcome.PASSED, **changes: Any) -> None:
    """Records a verdict as the gate does; ``changes`` plant something else in it."""
    fingerprint = ModelFolder(version.parent).fingerprint(1)
    report = GateReport("1", fingerprint, "3", "2026-01-01T00:00:00+00:00", (Check("labels", outcome, "as told"),))
    report.write(version)
    file = version / GATE_FILE
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    enter_file(version, GATE_FILE)


def refusal(version: Path, champion: str = "3", *, allow_incomplete: bool = False) -> str:
    with pytest.raises(PromotionRefused) as refused:
        check_permission(version, champion, allow_incomplete=allow_incomplete)
    return str(refused.value)


def test_a_version_that_passed_against_the_one_that_serves_may_serve(version: Path) -> None:
    judge(version)
    assert check_permission(version, "3", allow_incomplete=False) == "passed"


def test_a_version_that_was_never_judged_may_not(version: Path) -> None:
    assert f"was never judged; crossrank gate {version}" in refusal(version, allow_incomplete=True)


@pytest.mark.parametrize("allow_incomplete", [True, False])
def test_nothing_allows_a_refused_version(version: Path, allow_incomplete: bool) -> None:
    judge(version, Outcome.FAILED)
    assert "labels: as told" in refusal(version, allow_incomplete=allow_incomplete)


def test_an_incomplete_verdict_needs_a_word_and_says_what_was_not_checked(version: Path) -> None:
    judge(version, Outcome.SKIPPED)
    told = refusal(version)
    assert "could not check everything" in told
    assert "labels: as told" in told
    assert "--allow-incomplete" in told
    assert check_permission(version, "3", allow_incomplete=True) == "incomplete"


def test_a_verdict_that_this_code_does_not_know_is_none(version: Path) -> None:
    judge(version, verdict="fine")
    assert "could not check everything" in refusal(version)


@pytest.mark.parametrize(("champion", "told"), [("4", "but 4 serves"), ("", "but none serves")])
def test_a_verdict_against_another_champion_is_out_of_date(version: Path, champion: str, told: str) -> None:
    judge(version)
    assert told in refusal(version, champion, allow_incomplete=True)


def test_a_champion_of_the_same_number_from_another_repository_is_another_one(version: Path) -> None:
    judge(version, champion_fingerprint="1" * 32)
    with pytest.raises(PromotionRefused, match="a version 3 other than the one that serves"):
        check_permission(version, "3", allow_incomplete=False, champion_fingerprint="2" * 32)
    assert check_permission(version, "3", allow_incomplete=False, champion_fingerprint="1" * 32) == "passed"


def test_a_file_that_changed_after_the_verdict_is_found(version: Path) -> None:
    judge(version)
    (version / "model.py").write_text("pass", encoding="utf-8")
    assert "model.py: bytes" in refusal(version)


def test_a_version_that_changed_together_with_its_manifest_is_found_by_its_logits(
    version: Path, tmp_path: Path
) -> None:
    judge(version)
    other = candidate(tmp_path, "other", shift=0.75)
    (version / "model.onnx").write_bytes((other / "model.onnx").read_bytes())
    write_manifest(version)
    assert "logits: golden pair 0" in refusal(version)


def test_a_verdict_of_another_version_is_none_of_this_one(version: Path) -> None:
    judge(version, encoding_fingerprint="0" * 32)
    assert "another encoding" in refusal(version)
