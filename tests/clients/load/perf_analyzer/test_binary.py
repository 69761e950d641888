"""The real perf_analyzer against the real Triton: its load arrives, and its failures are told."""

import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clients.load.perf_analyzer import binary
from clients.load.perf_analyzer.binary import ANY_PERCENT, Load, PerfAnalyzer, Run, Target, find_perf_analyzer
from clients.load.perf_analyzer.campaign import Campaign
from clients.load.perf_analyzer.inputs import Inputs
from deploy.local.errors import NotInstalled, StartFailed
from deploy.local.parts.ports import free_ports
from deploy.local.parts.triton import Triton
from deploy.local.parts.triton_control import control_headers
from deploy.local.process.part import RunningPart
from tests.clients.load.rows import random_lists
from tests.paths import ROW_SUM_REPOSITORY

SHORT = Load(concurrency="1:2:1", window_ms=500, max_windows=6, stability_percent=ANY_PERCENT)
UNSTABLE_AT_FIRST = f"""#!/bin/sh
echo "$@" >> called
case "$*" in *percentage={ANY_PERCENT}*) echo ok > report.csv ;;
*) echo "Failed to obtain stable measurement within 8 windows"; exit 1 ;; esac
"""


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory, triton: Triton) -> PerfAnalyzer:
    found = find_perf_analyzer(tmp_path_factory.mktemp("tools"))
    return replace(found, headers=control_headers(triton.key_file))


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    directory = tmp_path_factory.mktemp("triton")
    port, metrics_port = free_ports(2)
    part = Triton(directory, port, metrics_port, model_repository=ROW_SUM_REPOSITORY)
    with RunningPart(part, state_directory=directory):
        yield part


def rows_counted(triton: Triton) -> float:
    """Rows that Triton's own metrics say it has scored."""
    with urllib.request.urlopen(triton.metrics_url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith('nv_inference_count{model="row_sum"')).split()[-1])


def test_the_load_arrives_as_rows_at_the_model(triton: Triton, analyzer: PerfAnalyzer, tmp_path: Path) -> None:
    before = rows_counted(triton)
    told: list[Inputs] = []
    campaign = Campaign(triton.url, "row_sum", SHORT, rows_per_request=4, length_classes=2)
    result = campaign.run(analyzer, random_lists(seed=11), tmp_path, told.append)
    assert [one.inputs for one in result.classes] == told
    assert len(told) == 2
    for one in result.classes:
        assert [measurement.load for measurement in one.measurements] == ["concurrency 1", "concurrency 2"]
        assert all(measurement.rows_per_s > 0 for measurement in one.measurements)
        assert all(0 < measurement.p50_ms <= measurement.p99_ms for measurement in one.measurements)
    sent = rows_counted(triton) - before
    assert sent > 0
    assert sent % 4 == 0, "every request holds as many rows as asked for"


def test_an_open_loop_offers_the_rate_asked_for(triton: Triton, analyzer: PerfAnalyzer, tmp_path: Path) -> None:
    load = Load(request_rate="40:40:1", window_ms=1000, max_windows=6, stability_percent=ANY_PERCENT)
    campaign = Campaign(triton.url, "row_sum", load, rows_per_request=4, length_classes=1)
    (one,) = campaign.run(analyzer, random_lists(seed=12), tmp_path, lambda inputs: None).classes
    assert [measurement.load for measurement in one.measurements] == ["request rate 40"]
    # Poisson: the count of a second or more scatters around its mean, it does not double.
    assert 15 < one.measurements[0].requests_per_s < 80


def test_numbers_that_scatter_are_given_and_called_unstable(
    triton: Triton, analyzer: PerfAnalyzer, tmp_path: Path
) -> None:
    impossible = Load(concurrency="1:1:1", window_ms=1500, max_windows=3, stability_percent=0)
    campaign = Campaign(triton.url, "row_sum", impossible, rows_per_request=4, length_classes=1)
    (one,) = campaign.run(analyzer, random_lists(seed=13), tmp_path, lambda inputs: None).classes
    assert not one.stable
    assert one.measurements[0].rows_per_s > 0


def test_a_failure_is_told_in_the_words_of_the_tool(triton: Triton, analyzer: PerfAnalyzer, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs.json"
    inputs.write_text('{"data": [{"input_ids": {"content": [1], "shape": [1]}}]}')
    with pytest.raises(StartFailed, match="missing") as failure:
        analyzer.run(Target(triton.url, "missing", inputs, rows=1), SHORT, tmp_path)
    assert "perf_analyzer.log" in failure.value.remedy


def test_the_binary_is_unpacked_once(analyzer: PerfAnalyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(executable: Path) -> None:
        raise AssertionError(f"{executable} is downloaded again")

    monkeypatch.setattr(binary, "_download", refused)
    assert replace(find_perf_analyzer(analyzer.executable.parent), headers=analyzer.headers) == analyzer
    assert sorted(found.name for found in analyzer.executable.parent.iterdir()) == [
        "download.log",
        "libraries",
        "perf_analyzer",
    ]


def test_an_installed_one_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/opt/{name}")
    assert find_perf_analyzer(tmp_path) == PerfAnalyzer(Path("/opt/perf_analyzer"))


def test_without_the_libraries_the_remedy_is_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "perf_analyzer").touch()
    monkeypatch.setattr(binary, "find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="nvidia-pytriton") as failure:
        find_perf_analyzer(tmp_path)
    assert "crossrank[local]" in failure.value.remedy


@pytest.mark.parametrize(
    ("load", "levels"),
    [
        (Load(concurrency="1:4:1"), 4),
        (Load(concurrency="3"), 1),
        (Load(concurrency="2:8:3"), 3),
        (Load(concurrency="1:4"), 4),
        (Load(request_rate="50:200:50"), 4),
    ],
)
def test_a_run_has_an_end_that_grows_with_its_levels(load: Load, levels: int) -> None:
    per_level_s = (load.max_windows + 1) * load.window_ms / 1000
    assert load.longest_s() >= levels * per_level_s
    assert load.longest_s() <= 30 + 2 * levels * per_level_s


def test_a_closed_loop_and_an_open_one_are_asked_for_differently() -> None:
    assert "--concurrency-range=1:4:1" in Load().options()
    rate = Load(request_rate="10:20:10").options()
    assert "--request-rate-range=10:20:10" in rate
    assert "--request-distribution=poisson" in rate
    assert not any(option.startswith("--concurrency") for option in rate)


def script(folder: Path, text: str) -> PerfAnalyzer:
    executable = folder / "perf_analyzer"
    executable.write_text(text)
    executable.chmod(0o755)
    return PerfAnalyzer(executable)


def test_windows_that_scatter_are_measured_once_more_without_that_condition(tmp_path: Path) -> None:
    tool = script(tmp_path, UNSTABLE_AT_FIRST)
    run = tool.run(Target("127.0.0.1:1", "m", tmp_path / "in.json", 8), Load(concurrency="2"), tmp_path)
    assert run == Run(tmp_path / "report.csv", stable=False)
    assert run.profile == tmp_path / "profile.json"
    first, second = (tmp_path / "called").read_text().splitlines()
    assert first.replace("percentage=25", f"percentage={ANY_PERCENT}") == second


def test_another_failure_is_not_tried_again_and_leaves_no_old_report(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("old")
    tool = script(tmp_path, "#!/bin/sh\necho once >> called\necho 'no such model'; exit 1\n")
    with pytest.raises(StartFailed, match="no such model"):
        tool.run(Target("127.0.0.1:1", "m", tmp_path / "in.json", 8), Load(), tmp_path)
    assert (tmp_path / "called").read_text() == "once\n"
    assert not (tmp_path / "report.csv").exists()


@pytest.mark.parametrize("levels", ["4:1:1", "8:2"])
def test_levels_in_the_wrong_order_still_leave_the_tool_time_to_say_so(levels: str) -> None:
    assert Load(concurrency=levels).longest_s() >= Load(concurrency="1").longest_s()
