"""perf_analyzer's profile: when requests were really sent; what is no profile of one level is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.load.perf_analyzer.trace import Trace, read_trace
from deploy.local.errors import StartFailed


def write(folder: Path, *experiments: Any) -> Path:
    file = folder / "profile.json"
    file.write_text(json.dumps({"experiments": experiments}))
    return file


def test_moments_count_from_the_first_window_on_and_are_in_order(tmp_path: Path) -> None:
    requests = [{"timestamp": 4_000_000_000}, {"timestamp": 2_500_000_000}]
    boundaries = [2_000_000_000, 3_000_000_000, 6_000_000_000]
    found = read_trace(write(tmp_path, {"requests": requests, "window_boundaries": boundaries}))
    assert found == Trace([0.5, 2.0], 4.0)
    assert found.sent_per_s == 0.5


@pytest.mark.parametrize(
    "experiments",
    [
        (),
        ({}, {}),
        ({"requests": []},),
        ({"requests": [], "window_boundaries": [1]},),
        ({"requests": [{}], "window_boundaries": [1, 2]},),
        ({"requests": [], "window_boundaries": [1, 2]},),
    ],
)
def test_a_file_without_one_level_of_requests_is_refused(tmp_path: Path, experiments: tuple[Any, ...]) -> None:
    with pytest.raises(StartFailed, match=r"profile\.json (is no profile of one level|holds no request)"):
        read_trace(write(tmp_path, *experiments))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="is no profile"):
        read_trace(tmp_path / "profile.json")
