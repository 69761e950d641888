"""A benchmark's file: the section asked for is read, and what cannot be used is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.load.capacity.service_times import ServiceTimes, TimesUnreadable, read_times

DOCUMENT = {
    "crossrank": {
        "closed_4x100": {"pairs_per_s": 400.5, "latency": {"p50": 900.0, "p99": 1100.0}},
        "closed_1x100": {"pairs_per_s": 350, "p50_ms": 280.0, "p99_ms": 300.0},
    },
    "environment": {"cores": 2},
}


def write(folder: Path, document: Any) -> Path:
    file = folder / "summary.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("crossrank/closed_4x100", ServiceTimes(400.5, 900.0, 1100.0)),
        ("crossrank/closed_1x100", ServiceTimes(350.0, 280.0, 300.0)),
    ],
)
def test_latencies_stand_in_the_section_or_below_it(tmp_path: Path, section: str, expected: ServiceTimes) -> None:
    assert read_times(write(tmp_path, DOCUMENT), section) == expected


def test_a_file_that_is_one_section_needs_no_name(tmp_path: Path) -> None:
    assert read_times(write(tmp_path, {"pairs_per_s": 10}), "") == ServiceTimes(10.0)


@pytest.mark.parametrize("section", ["", "crossrank", "environment", "no/such", "crossrank/closed_4x100/latency/p50"])
def test_a_section_without_a_rate_is_refused_with_those_that_have_one(tmp_path: Path, section: str) -> None:
    with pytest.raises(TimesUnreadable, match=r"no pairs_per_s in section") as refused:
        read_times(write(tmp_path, DOCUMENT), section)
    assert refused.value.remedy == "choose one of crossrank/closed_4x100, crossrank/closed_1x100"


@pytest.mark.parametrize("value", [0, -1, "fast", None, True, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused_with_its_value(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TimesUnreadable, match=r"pairs_per_s of .* is .*; a finite number above 0"):
        read_times(write(tmp_path, {"pairs_per_s": value}), "")


def test_a_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(TimesUnreadable, match=r"none\.json cannot be read"):
        read_times(tmp_path / "none.json", "")
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(TimesUnreadable, match=r"odd\.json is no JSON"):
        read_times(tmp_path / "odd.json", "")
