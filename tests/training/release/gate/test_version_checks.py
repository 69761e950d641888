"""Damaged files of a version, each found by the check that reads it and never an error of the gate; verdict and record
of a report."""

import json
from pathlib import Path

import pytest

from gateway.domain.manifest import manifest_faults
from tests.training.histories import oldest_first
from tests.training.release.gate.tiny_release import TinyRelease
from training.errors import RunIncomplete
from training.evaluation.reading import ReadingRow
from training.examples.example import RankingExample, write_examples
from training.lists.candidate_list import CandidateList
from training.lists.served import ServedList, write_served
from training.model.references import without_fields
from training.protocol.dataset import Phase
from training.release.gate.check import Check, Outcome, judged, skipped
from training.release.gate.gate import Evidence, GateReport, read_gate, run_gate
from training.release.gate.record import held_out_lists, learned_lists
from training.release.gate.version_checks import check_files, check_fingerprint
from training.release.reading import record_reading
from training.release.repository.manifest import write_manifest
from training.run_folder import RunFolder

NO_GAIN = ReadingRow("warm", 0.1, 0.2, -0.1, -0.15, -0.05, 0.001)
PASSED, FAILED = judged("good", [], "fine"), judged("bad", ["broken"], "")


def report(*checks: Check) -> GateReport:
    return GateReport("3", "f" * 8, "2", "2026-01-02T03:04:05+00:00", checks, "e" * 8)


def test_all_missing_files_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    found = check_files(tmp_path)
    assert found.outcome is Outcome.FAILED
    assert found.detail == "model.py is missing: export the version again (7 in all)"


def test_a_version_whose_reading_nobody_judged_is_not_checked_whole(tiny: TinyRelease, version: Path) -> None:
    (version / "encoding" / "reading.json").unlink()
    write_manifest(version)
    found = run_gate(version, tiny.evidence())
    assert (found.verdict, [one.name for one in found.skipped]) == ("incomplete", ["reading judged"])
    assert "crossrank eval --record" in found.skipped[0].detail


@pytest.mark.parametrize(("pays", "told"), [((), "no kind of request"), (("warm", "inline"), "inline, warm")])
def test_the_gate_tells_for_which_requests_reading_pays_and_refuses_no_version_for_it(
    version: Path, pays: tuple[str, ...], told: str
) -> None:
    record_reading(version, [ReadingRow(kind, 0.2, 0.1, 0.1, 0.05, 0.15, 0.001) for kind in pays] or [NO_GAIN])
    [found] = [one for one in run_gate(version, Evidence()).checks if one.name == "reading judged"]
    assert (found.outcome, found.detail) == (Outcome.PASSED, f"reading pays for {told}")


def test_a_longer_file_is_told_with_both_sizes(version: Path) -> None:
    card = version / "README.md"
    size = card.stat().st_size
    card.write_bytes(card.read_bytes() + b"\n")
    told = f"README.md: bytes {size + 1}, written with {size}: export the version again (2 in all)"
    assert check_files(version).detail == told


def test_a_manifest_that_names_no_file_vouches_for_none(version: Path) -> None:
    (version / "files.json").write_text("{}", encoding="utf-8")
    found = check_files(version)
    assert found.outcome is Outcome.FAILED
    assert "files.json names no file" in found.detail


@pytest.mark.parametrize("content", [b"", b'{"model.onnx": ', b"\xff\xfe"])
def test_a_manifest_that_cannot_be_read_says_what_to_do(version: Path, content: bytes) -> None:
    (version / "files.json").write_bytes(content)
    found = check_files(version)
    assert found.detail.startswith("files.json cannot be read (")
    assert found.detail.endswith("export the version again")


def test_a_digest_that_this_gate_does_not_know_is_a_fault_and_no_crash(version: Path) -> None:
    (version / "files.json").write_text(json.dumps({"model.onnx": {"md5": "0"}}), encoding="utf-8")
    assert check_files(version).outcome is Outcome.FAILED
    assert [one.rpartition(",")[2] for one in manifest_faults(version) if one.startswith("model.onnx")] == [
        " written with None"
    ] * 2


@pytest.mark.parametrize("content", [b"parameters {", b"no_such_field: 1", b'name: "\xff\xfe"'])
def test_a_configuration_that_cannot_be_read_is_refused_with_the_remedy(version: Path, content: bytes) -> None:
    (version.parent / "config.pbtxt").write_bytes(content)
    found = run_gate(version, Evidence()).failed
    assert [one.name for one in found] == ["fingerprint"]
    assert found[0].detail.endswith("export the version again")


def test_a_missing_configuration_is_named(version: Path) -> None:
    (version.parent / "config.pbtxt").unlink()
    assert str(version.parent / "config.pbtxt") in check_fingerprint(version).detail


def test_a_version_under_another_number_has_no_published_fingerprint(version: Path) -> None:
    moved = version.rename(version.with_name("77"))
    assert "publishes '' as encoding_fingerprint.77" in check_fingerprint(moved).detail


def test_a_folder_that_does_not_exist_is_refused_and_has_no_fingerprint(tmp_path: Path) -> None:
    found = run_gate(tmp_path / "9", Evidence())
    assert (found.verdict, found.version, found.fingerprint) == ("refused", "9", "")
    assert [one.name for one in found.failed] == ["files", "fingerprint", "loadable"]


def test_a_checkpoint_that_is_not_there_is_no_passed_check(version: Path, tmp_path: Path) -> None:
    found = run_gate(version, Evidence(checkpoint=tmp_path / "nowhere"))
    assert [one.name for one in found.failed] == ["loadable"]
    assert "cannot be used" in found.failed[0].detail


def test_one_failure_refuses_whatever_was_skipped_and_a_skip_alone_leaves_it_open() -> None:
    missing = skipped("asked", "no lists were given")
    assert report(PASSED, missing, FAILED).verdict == "refused"
    assert report(PASSED, missing).verdict == "incomplete"
    assert report(PASSED).verdict == "passed"


def test_the_first_fault_is_told_and_further_ones_are_counted() -> None:
    assert judged("x", ["one"], "good").detail == "one"
    assert judged("x", ["one", "two", "three"], "good").detail == "one (3 in all)"


def test_a_new_record_replaces_the_old_one_and_leaves_no_partial_file(tmp_path: Path) -> None:
    report(FAILED).write(tmp_path)
    report(PASSED).write(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["gate.json"]
    assert read_gate(tmp_path) == {
        "verdict": "passed",
        "version": "3",
        "encoding_fingerprint": "f" * 8,
        "champion": "2",
        "champion_fingerprint": "e" * 8,
        "checked_at": "2026-01-02T03:04:05+00:00",
        "checks": [{"name": "good", "outcome": "passed", "detail": "fine", "figures": {}}],
    }


def test_what_a_run_learned_is_read_as_item_ids_without_dropped_fields(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    example = RankingExample(
        oldest_first("h", without_fields("g", ["title"])), (without_fields("t", ["year"]), "n"), (1, 0), "u"
    )
    write_examples(run.examples, [example])
    assert learned_lists(run) == [CandidateList("u", oldest_first("h", "g"), ("t",), ())], (
        "a negative was not liked: no target"
    )


def test_a_folder_without_lists_names_itself_and_the_command_that_makes_them(tiny: TinyRelease, tmp_path: Path) -> None:
    with pytest.raises(RunIncomplete, match=f"{tmp_path} has no training lists; .* crossrank train"):
        learned_lists(RunFolder(tmp_path))
    with pytest.raises(RunIncomplete, match=f"{tmp_path} has no served test lists; run crossrank export"):
        held_out_lists(RunFolder(tmp_path), tiny.dataset, 10)


def test_the_deepest_served_lists_are_taken_by_number_and_only_as_many_as_asked(
    tiny: TinyRelease, tmp_path: Path
) -> None:
    cases = tiny.dataset.cases(Phase.TEST)[:3]
    for depth, device, chosen in ((20, "cpu", cases[:1]), (100, "gpu", cases)):
        served = [ServedList(case.user_id, case.targets, {}, (), (), ()) for case in chosen]
        write_served(RunFolder(tmp_path).served("test", depth, device), served)
    users = [one.user_id for one in held_out_lists(RunFolder(tmp_path), tiny.dataset, 2)]
    assert users == [case.user_id for case in cases[:2]]
