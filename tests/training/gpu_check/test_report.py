"""The report of a card: numbers as they were measured in JSON, and as a reader wants them in tables."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.export.compare import Agreement
from training.gpu_check import check
from training.gpu_check.card import Card
from training.gpu_check.check import CheckPlan, run_check
from training.gpu_check.exactness import HalfExactness
from training.gpu_check.report import (
    EXACTNESS_COLUMNS,
    JSON_FILE,
    MARKDOWN_FILE,
    SPEED_COLUMNS,
    CheckReport,
    exactness_cells,
    speed_cells,
)
from training.gpu_check.shapes import SHAPES
from training.gpu_check.speed import FULL, QUICK, Effort, Mode, Speed

CARD = Card("cuda:0", "NVIDIA <H100>", "2.13.0", 8192, bf16_flops=7.123e14)
HALF_EXACT = HalfExactness("fp16", Agreement(960, 0.00123, 0.0002, 0.99987, 0.9951), 0.00004)
SPEED = Speed(
    model="MiniLM-L6",
    mode=Mode.GRAPHS,
    precision="fp16",
    batch="full batch",
    lengths="128",
    pairs=256,
    tokens=32768,
    pairs_per_s=123456.7,
    card_pairs_per_s=234567.8,
    share=0.4567,
)
REPORT = CheckReport(CARD, (HALF_EXACT,), (SPEED, replace(SPEED, mode=Mode.PADDED, card_pairs_per_s=None)), (), False)
PLAN = CheckPlan(version=Path("nowhere"))


def test_a_cell_stands_under_every_column() -> None:
    assert dict(zip(SPEED_COLUMNS, speed_cells(SPEED), strict=True)) | {"pairs/s": "", "card alone": ""} == {
        **{"model": "MiniLM-L6", "computed": "packed, CUDA graphs", "weights": "fp16", "batch": "full batch"},
        **{"tokens a pair": "128", "pairs": "256", "pairs/s": "", "card alone": "", "share": "45.7%"},
    }
    assert speed_cells(SPEED)[6:8] == ("123,457", "234,568")
    assert dict(zip(EXACTNESS_COLUMNS, exactness_cells(HALF_EXACT), strict=True)) == {
        **{"weights": "fp16", "pairs": "960", "max Δlogit": "0.0012", "Kendall τ, mean": "0.9999"},
        **{"τ, least": "0.9951", "Δlogit alone or in a batch": "4e-05"},
    }


def test_a_speed_without_a_time_of_the_card_has_an_empty_cell_and_null() -> None:
    padded = REPORT.speeds[1]
    assert speed_cells(padded)[SPEED_COLUMNS.index("card alone")] == ""
    assert json.loads(json.dumps(REPORT.to_dict()))["speeds"][1]["card_pairs_per_s"] is None


def test_json_keeps_what_tables_round(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    document = json.loads((tmp_path / JSON_FILE).read_text(encoding="utf-8"))
    assert document["speeds"][0]["pairs_per_s"] == 123456.7
    assert document["speeds"][0]["mode"] == "packed, CUDA graphs"
    assert document["exactness"][0]["agreement"]["lowest_kendall_tau"] == 0.9951
    assert (document["quick"], document["faults"]) == (False, [])
    assert Card(**document["card"]) == CARD


def test_writing_again_replaces_both_files(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    replace(REPORT, card=replace(CARD, name="another")).write(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted((JSON_FILE, MARKDOWN_FILE))
    assert "another" in (tmp_path / MARKDOWN_FILE).read_text(encoding="utf-8").splitlines()[0]


def test_the_text_names_the_card_and_its_rate_and_every_table_row_is_whole() -> None:
    lines = REPORT.to_markdown().splitlines()
    assert lines[0] == "# NVIDIA <H100>"
    assert "torch 2.13.0; bf16 products of 8192³: 712 TFLOP/s." in lines
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == (2 + 1) + (2 + 2)
    assert {row.count("|") - 1 for row in rows[:3]} == {len(EXACTNESS_COLUMNS)}
    assert {row.count("|") - 1 for row in rows[3:]} == {len(SPEED_COLUMNS)}


def test_faults_have_a_heading_only_where_there_are_some() -> None:
    assert "Could not run" not in REPORT.to_markdown()
    faulty = replace(REPORT, faults=("tiny, packed: one", "tiny, padded: two")).to_markdown()
    assert faulty.endswith("Could not run:\n\n- tiny, packed: one\n- tiny, padded: two\n")


@pytest.mark.parametrize(("quick", "effort", "names"), [(True, QUICK, {"tiny"}), (False, FULL, set(SHAPES))])
def test_a_trial_times_the_tiny_shape_and_a_check_the_published_ones(
    monkeypatch: pytest.MonkeyPatch, quick: bool, effort: Effort, names: set[str]
) -> None:
    timed: list[tuple[str, Effort]] = []

    def noted(name: str, *rest: object) -> list[Speed]:
        assert isinstance(rest[-1], Effort)
        timed.append((name, rest[-1]))
        return []

    monkeypatch.setattr(check, "measure_card", lambda *_: CARD)
    monkeypatch.setattr(check, "measure_exactness", lambda *_: [])
    monkeypatch.setattr(check, "measure_speed", noted)
    assert run_check(replace(PLAN, device="cpu", quick=quick), lambda _: None).quick is quick
    assert {name for name, _ in timed} == names
    assert {one for _, one in timed} == {effort}


def test_a_card_is_timed_in_every_mode_of_every_shape_and_its_memory_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Modes that fail without a word are told by the kind of their failure."""
    emptied: list[int] = []
    current: list[torch.device] = []
    said: list[str] = []

    def silent(*_: object) -> list[Speed]:
        raise RuntimeError

    monkeypatch.setattr(check, "find_device", torch.device)
    monkeypatch.setattr(check, "measure_card", lambda *_: CARD)
    monkeypatch.setattr(check, "measure_exactness", lambda *_: [])
    monkeypatch.setattr(check, "measure_speed", silent)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(1))
    report = run_check(replace(PLAN, device="cuda"), said.append)
    assert report.faults == tuple(f"{name}, {mode}: RuntimeError" for name in SHAPES for mode in Mode)
    assert len(emptied) == len(SHAPES) * len(Mode)
    assert said[2:] == [f"timing {name}: {mode}" for name in SHAPES for mode in Mode]
    assert current == [torch.device("cuda")], "another one would be waited for than the one that computes"
