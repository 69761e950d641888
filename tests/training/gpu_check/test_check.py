"""The whole check on a CPU with a tiny shape: real logits of the shipped model, and a report that says what it is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import PretrainedConfig

from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.gpu_check import check
from training.gpu_check.card import Card
from training.gpu_check.check import CPU_MODES, CheckPlan, run_check
from training.gpu_check.report import CheckReport
from training.gpu_check.speed import Effort, Mode, Speed, measure_speed

PLAN = CheckPlan(version=PROJECT_REPOSITORY / "cross_encoder" / "1", device="cpu", quick=True)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def report(said: list[str]) -> CheckReport:
    return run_check(PLAN, said.append)


def test_half_precision_is_near_fp32_and_a_batch_moves_nothing(report: CheckReport) -> None:
    assert [one.precision for one in report.exactness] == ["fp16", "bf16"]
    for one, most in zip(report.exactness, (0.02, 0.3), strict=True):
        assert one.agreement.pairs == 12
        assert 0 < one.agreement.max_abs_dlogit < most
        assert one.agreement.lowest_kendall_tau > 0.8
        assert one.batch_mates < most
    fp16, bf16 = report.exactness
    assert fp16.agreement.max_abs_dlogit < bf16.agreement.max_abs_dlogit


def test_every_mode_that_a_cpu_can_run_is_timed_in_both_precisions(report: CheckReport) -> None:
    timed = {(one.mode, one.precision, one.lengths) for one in report.speeds}
    assert timed == {(m, p, w) for m in CPU_MODES for p in ("fp16", "bf16") for w in ("64", "ragged")}
    assert all(one.pairs_per_s > 0 and one.share > 0 and one.tokens >= one.pairs for one in report.speeds)
    assert {one.mode for one in report.speeds if one.card_pairs_per_s is None} == {Mode.PADDED}
    assert report.faults == ()


def test_what_is_done_is_told_as_it_is_done(report: CheckReport, said: list[str]) -> None:
    assert report.quick
    assert said[:2] == ["measuring products of matrices", "comparing logits with fp32"]
    assert "timing tiny: transformers, padded" in said


def test_the_report_stands_in_both_files(report: CheckReport, tmp_path: Path) -> None:
    report.write(tmp_path / "new")
    document = json.loads((tmp_path / "new" / "gpu-check.json").read_text(encoding="utf-8"))
    assert document["card"]["name"] == "CPU"
    assert len(document["speeds"]) == len(report.speeds)
    text = (tmp_path / "new" / "gpu-check.md").read_text(encoding="utf-8")
    assert "these numbers measure nothing" in text
    assert text.count("| tiny |") == len(report.speeds)
    assert "these numbers measure nothing" not in replace(report, quick=False).to_markdown()


def test_a_mode_that_cannot_run_is_told_and_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = measure_speed

    def fails_packed(name: str, shape: PretrainedConfig, card: Card, mode: Mode, effort: Effort) -> Iterator[Speed]:
        if mode is Mode.PLAIN:
            raise RuntimeError("\n  no C compiler\nand more")
        return measure(name, shape, card, mode, effort)

    monkeypatch.setattr(check, "measure_speed", fails_packed)
    monkeypatch.setattr(check, "measure_exactness", lambda *_: [])
    report = run_check(PLAN, lambda _: None)
    assert report.faults == ("tiny, packed: no C compiler",)
    assert {one.mode for one in report.speeds} == {Mode.PADDED}
    assert "- tiny, packed: no C compiler" in report.to_markdown()
