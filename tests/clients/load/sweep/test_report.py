"""A sweep's file: what is written is what is read, and what is no sweep is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from clients.load.sweep.report import Level, SweepUnreadable, read_sweep, write_sweep
from tests.clients.load.sweeps import invented_sweep, level


def test_a_sweep_survives_the_way_to_disk_and_back(tmp_path: Path) -> None:
    sweep = invented_sweep()
    write_sweep(tmp_path / "new" / "sweep.json", sweep)
    assert read_sweep(tmp_path / "new" / "sweep.json") == sweep
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["sweep.json"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no sweep"),
        ("[]", "is no sweep"),
        ("{}", "is no sweep: KeyError"),
        ('{"format": 9, "machine": {}, "targets": []}', "has format 9, not 2"),
        ('{"format": 2, "machine": {}, "targets": [{"levels": []}]}', "is no sweep"),
    ],
)
def test_a_file_that_is_no_sweep_is_refused_with_the_command_that_writes_one(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "sweep.json"
    file.write_text(text)
    with pytest.raises(SweepUnreadable, match=words) as refused:
        read_sweep(file)
    assert "crossrank sweep" in refused.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SweepUnreadable, match=r"sweep\.json cannot be read"):
        read_sweep(tmp_path / "sweep.json")


def test_a_refused_level_is_kept_with_its_words(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep.json", invented_sweep())
    last = json.loads((tmp_path / "sweep.json").read_text())["targets"][0]["levels"][-1]
    assert last["runs"] == []
    assert last["failure"] == "exceeds maximum queue size"
    assert last["answers"] == {"OK": 4, "RESOURCE_EXHAUSTED": 1}


def test_a_rate_is_sustained_when_every_run_answers_nearly_all_that_it_is_offered() -> None:
    assert level(10, (40, 50), answered=0.95).sustained
    assert not level(10, (40, 50), answered=0.949).sustained
    assert not replace(level(10, (40,)), failure="full").sustained
    assert not Level(10).sustained, "never run"
    mixed = [*level(10, (40,)).runs, *level(10, (40,), answered=0.5).runs]
    assert not Level(10, mixed).sustained


def test_the_answers_of_a_run_are_its_goodput_times_its_seconds() -> None:
    (run,) = level(10, (40,), answered=0.5).runs
    assert run.answers == 45


def test_a_level_tells_the_median_and_the_extremes_of_its_runs() -> None:
    assert level(10, (60, 40, 50)).spread("p99_ms") == (40, 50, 60)
    assert Level(10).offered_per_s == 10
    assert Level(10, [*level(9, (1,)).runs, *level(8, (1,)).runs, *level(7, (1,)).runs]).offered_per_s == 8
