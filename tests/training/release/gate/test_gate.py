"""The gate: an untouched version passes, and every planted fault is refused by the check that is there for it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from gateway.domain.values import Candidate
from gateway.ranker.features import FusionInput
from tests.training.histories import oldest_first
from tests.training.release.gate.tiny_release import TinyRelease, add_noise, negate_head, publish
from training.errors import Leak
from training.lists.candidate_list import CandidateList
from training.lists.served import ServedList, write_served
from training.protocol.dataset import Phase
from training.ranker.table import ScoredList
from training.release.gate import list_checks
from training.release.gate.check import Check, Outcome
from training.release.gate.gate import Evidence, GateReport, read_gate, run_gate
from training.release.gate.record import held_out_lists, learned_lists
from training.run_folder import RunFolder


def failed(report: GateReport) -> list[str]:
    return [one.name for one in report.failed]


def figure(report: GateReport, check: str, name: str) -> float:
    return float(next(one.figures[name] for one in report.checks if one.name == check))


def details(report: GateReport) -> str:
    return "; ".join(one.detail for one in report.failed)


def test_an_untouched_version_passes_every_check(tiny: TinyRelease, champion: Path) -> None:
    done: list[int] = []
    report = run_gate(champion, tiny.evidence(champion), done.append)
    assert report.verdict == "passed", report.to_json()
    assert [one.name for one in report.checks] == [
        *("files", "fingerprint", "tokens", "logits", "rank agreement", "labels", "champion", "cold items", "leak"),
        "reading judged",
    ]
    assert figure(report, "champion", "difference") == 0
    assert figure(report, "labels", "low") > 0.5
    assert figure(report, "logits", "max_abs_dlogit_fp32") <= 1e-4
    assert sum(done) == 3 * len(tiny.lists()), "version, champion and fp32 weights score every list"


def test_a_flipped_byte_in_the_graph_is_refused(version: Path) -> None:
    graph = bytearray((version / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 0xFF
    (version / "model.onnx").write_bytes(graph)
    report = run_gate(version, Evidence())
    assert "files" in failed(report)
    assert "model.onnx: sha256" in details(report)


def test_corrupted_weights_behind_a_right_manifest_are_refused_by_their_logits(
    tiny: TinyRelease, version: Path, tmp_path: Path
) -> None:
    other = tiny.spoilt(tmp_path / "other", add_noise)
    shutil.copyfile(other / "model.onnx", version / "model.onnx")
    publish(version)
    report = run_gate(version, Evidence())
    assert failed(report) == ["logits"]


def test_a_graph_that_does_not_open_is_refused(version: Path) -> None:
    (version / "model.onnx").write_bytes(b"no graph")
    publish(version)
    assert failed(run_gate(version, Evidence())) == ["loadable"]


def test_a_missing_file_is_refused_by_name(version: Path) -> None:
    (version / "encoding" / "golden.json").unlink()
    report = run_gate(version, Evidence())
    assert "files" in failed(report)
    assert "encoding/golden.json is missing" in details(report)


def test_a_version_that_was_written_without_a_manifest_is_refused(version: Path) -> None:
    (version / "files.json").unlink()
    report = run_gate(version, Evidence())
    assert failed(report) == ["files"]
    assert "export the version again" in details(report)


def test_a_fingerprint_that_triton_would_report_wrongly_is_refused(version: Path) -> None:
    config = version.parent / "config.pbtxt"
    own = run_gate(version, Evidence()).fingerprint
    config.write_text(config.read_text(encoding="utf-8").replace(own, "0" * len(own)), encoding="utf-8")
    assert failed(run_gate(version, Evidence())) == ["fingerprint"]


def swap_two_tokens(tokenizer: Path) -> None:
    document = json.loads(tokenizer.read_text(encoding="utf-8"))
    words = document["model"]["vocab"]
    words["film"], words["war"] = words["war"], words["film"]
    tokenizer.write_text(json.dumps(document), encoding="utf-8")


def test_a_changed_tokenizer_is_refused_even_where_manifest_and_fingerprint_hide_it(version: Path) -> None:
    swap_two_tokens(version / "encoding" / "tokenizer.json")
    publish(version)
    report = run_gate(version, Evidence())
    assert "tokens" in failed(report)
    assert "the version's tokenizer: golden pair" in details(report)


def test_a_tokenizer_cut_short_is_refused(version: Path) -> None:
    file = version / "encoding" / "tokenizer.json"
    file.write_bytes(file.read_bytes()[:1000])
    assert "tokenizer.json is no tokenizer" in details(run_gate(version, Evidence()))


def test_a_checkpoint_with_another_tokenizer_is_refused(tiny: TinyRelease, version: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(tiny.run.model, tmp_path / "checkpoint"))
    swap_two_tokens(checkpoint / "tokenizer.json")
    report = run_gate(version, Evidence(checkpoint=checkpoint))
    assert failed(report) == ["tokens"]
    assert "the checkpoint's tokenizer: golden pair" in details(report)


def test_a_checkpoint_of_another_training_is_refused(tiny: TinyRelease, version: Path, tmp_path: Path) -> None:
    other = tiny.spoilt_run(tmp_path / "run", add_noise)
    report = run_gate(version, Evidence(checkpoint=other.model))
    assert failed(report) == ["logits"]
    assert "recorded logits and checkpoint differ" in details(report)


def test_a_swapped_label_is_refused(tiny: TinyRelease, champion: Path, tmp_path: Path) -> None:
    spoilt = tiny.spoilt(tmp_path, negate_head)
    report = run_gate(spoilt, Evidence(lists=tiny.lists(), champion=champion))
    assert {"labels", "champion"} <= set(failed(report))
    assert "no better than chance" in details(report)


def test_a_worse_model_is_refused(tiny: TinyRelease, champion: Path, tmp_path: Path) -> None:
    spoilt = tiny.spoilt(tmp_path, add_noise)
    report = run_gate(spoilt, Evidence(lists=tiny.lists(), champion=champion))
    assert "champion" in failed(report)
    assert figure(report, "champion", "high") < 0, "significantly worse"
    lenient = run_gate(spoilt, Evidence(lists=tiny.lists(), champion=champion, margin=1.0))
    assert "champion" not in failed(lenient), "a margin lets it through"


def test_a_test_target_among_what_was_learned_is_refused(tiny: TinyRelease, champion: Path) -> None:
    case = tiny.dataset.cases(Phase.TEST)[0]
    leak = CandidateList(case.user_id, case.history.newest(3), case.targets[:1], ())
    report = run_gate(champion, Evidence(learned=[*learned_lists(tiny.run), leak], dataset=tiny.dataset))
    assert failed(report) == ["leak"]
    assert f"user {case.user_id}" in details(report)


def test_a_valid_target_in_a_history_is_a_leak_and_another_users_target_is_none(
    tiny: TinyRelease, champion: Path
) -> None:
    case, other = tiny.dataset.cases(Phase.VALID)[:2]
    base = Evidence(dataset=tiny.dataset)
    leak = CandidateList(case.user_id, oldest_first(*case.targets), case.history.oldest_first[:1], ())
    assert failed(run_gate(champion, replace(base, learned=[leak]))) == ["leak"]
    stranger = next(one for one in tiny.dataset.users if not tiny.dataset.folds(one) or one != case.user_id)
    positives = set(tiny.dataset.positives(stranger))
    foreign = [item for item in case.targets if item not in positives] or ["i0"]
    harmless = CandidateList(stranger, oldest_first(), tuple(foreign[:1]), ())
    assert "leak" not in failed(run_gate(champion, replace(base, learned=[harmless])))
    assert other.user_id != case.user_id


def test_a_record_that_names_no_user_is_no_proof(tiny: TinyRelease, champion: Path) -> None:
    report = run_gate(
        champion, Evidence(learned=[CandidateList("", oldest_first("i1"), ("i2",), ())], dataset=tiny.dataset)
    )
    assert failed(report) == ["leak"]


def test_the_record_of_a_run_names_users_and_whole_item_ids(tiny: TinyRelease) -> None:
    learned = learned_lists(tiny.run)
    assert {one.user_id for one in learned} <= set(tiny.dataset.users)
    assert all(item in tiny.dataset.fields for one in learned for item in (*one.history.oldest_first, *one.targets))


def ranks_of_lists(lists: int, swapped: int, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Of lists whose one target is fp32's first of 24, and in ``swapped`` of them the version's second."""
    candidates = [Candidate(f"i{rank}", rank, 1 / rank) for rank in range(1, 25)]
    made = [ScoredList(f"u{number}", FusionInput(candidates, {}), frozenset({"i1"})) for number in range(lists)]
    exact = np.arange(24, 0, -1, dtype=np.float32)
    other = exact.copy()
    other[[0, 1]] = other[[1, 0]]
    monkeypatch.setattr(list_checks, "score_batches", lambda session, pairs: exact)
    served = Mock(pairs=lambda one: ())
    logits = [other if number < swapped else exact for number in range(lists)]
    return list_checks.check_ranks(list_checks.Scored(made, logits, served), Mock())


def test_an_int8_graph_that_loses_quality_for_sure_is_refused_though_its_order_is_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = ranks_of_lists(40, 20, monkeypatch)
    assert found.outcome is Outcome.FAILED
    assert float(found.figures["kendall_tau_mean"]) > 0.99
    assert "more than .5 % lower" in found.detail


def test_one_target_that_changes_places_does_not_refuse_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ranks_of_lists(40, 1, monkeypatch)
    assert float(found.figures["ndcg@10"]) < 0.995 * float(found.figures["ndcg@10_fp32"])
    assert found.outcome is Outcome.PASSED


def test_a_champion_that_does_not_open_is_named_and_takes_no_other_answer_away(
    tiny: TinyRelease, version: Path, tmp_path: Path
) -> None:
    broken = Path(shutil.copytree(version.parent, tmp_path / "broken")) / version.name
    (broken / "model.onnx").write_bytes(b"no graph")
    report = run_gate(version, tiny.evidence(champion=broken))
    assert failed(report) == ["champion"]
    assert f"the champion {broken} cannot be used" in details(report)
    assert {one.name for one in report.checks} >= {"tokens", "logits", "rank agreement", "labels", "leak"}


def test_cold_items_are_not_checked_without_tables_that_tell_which_they_are(tiny: TinyRelease, champion: Path) -> None:
    report = run_gate(champion, replace(tiny.evidence(champion), dataset=None))
    assert {one.name for one in report.skipped} == {"cold items", "leak"}


def test_a_first_version_has_no_champion_to_put_cold_items_higher(tiny: TinyRelease, champion: Path) -> None:
    report = run_gate(champion, tiny.evidence())
    assert report.verdict == "passed"
    details = {one.name: one.detail for one in report.checks}
    assert details["cold items"] == details["champion"] == "there is no champion yet"


def test_a_manifest_that_is_no_table_is_refused(version: Path) -> None:
    (version / "files.json").write_text("[1]", encoding="utf-8")
    assert "files.json is no table of files" in details(run_gate(version, Evidence()))


def test_served_lists_of_another_protocol_are_no_evidence(tiny: TinyRelease, tmp_path: Path) -> None:
    case = tiny.dataset.cases(Phase.VALID)[0]
    wrong = ServedList(case.user_id, case.targets, {}, (), (), ())
    write_served(RunFolder(tmp_path).served("test", 20), [wrong])
    with pytest.raises(Leak, match=f"user {case.user_id}: targets .* are not those of fold 0"):
        held_out_lists(RunFolder(tmp_path), tiny.dataset, 10)


def test_without_evidence_the_verdict_is_incomplete_and_says_what_is_missing(champion: Path) -> None:
    report = run_gate(champion, Evidence())
    assert report.verdict == "incomplete"
    assert {one.name for one in report.skipped} == {"rank agreement", "labels", "champion", "cold items", "leak"}
    assert all(one.outcome is Outcome.SKIPPED and one.detail for one in report.skipped)


def test_the_record_stands_beside_the_files_and_changes_none_of_their_proofs(version: Path) -> None:
    report = run_gate(version, Evidence())
    report.write(version)
    record = read_gate(version)
    assert record is not None
    assert record["verdict"] == "incomplete"
    assert record["encoding_fingerprint"] == report.fingerprint
    assert [one["name"] for one in record["checks"]] == [one.name for one in report.checks]
    assert run_gate(version, Evidence()).failed == []
    assert read_gate(version.parent) is None
