"""perf_analyzer's numbers: read in the right units, ordered, and added up without lying."""

import json
from pathlib import Path

import pytest

from clients.load.perf_analyzer.campaign import ClassResult, Result
from clients.load.perf_analyzer.inputs import Inputs
from clients.load.perf_analyzer.report import COLUMNS, Measurement, read_report
from deploy.local.errors import StartFailed

COLUMNS_OF_THE_TOOL = (
    "Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,"
    "Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency,Avg latency,"
    "request/response,response wait"
)
LINES = {
    4: "4,800,40,145,54000,1000,9000,500,0,12000,20000,30000,50000,477,40,418",
    1: "1,400,40,150,0,1000,8000,1000,0,10000,11000,12000,13000,477,40,418",
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.csv"
    file.write_text("\n".join([f"Concurrency,{COLUMNS_OF_THE_TOOL}", LINES[4], LINES[1], ""]))
    return file


def test_levels_come_in_order_of_load(report: Path) -> None:
    assert [one.load for one in read_report(report, 8)] == ["concurrency 1", "concurrency 4"]


def test_times_are_in_milliseconds_and_rates_per_second(report: Path) -> None:
    assert read_report(report, rows_per_request=8)[1] == Measurement(
        load="concurrency 4",
        rows_per_s=800.0,
        requests_per_s=100.0,
        p50_ms=12.0,
        p95_ms=30.0,
        p99_ms=50.0,
        queue_ms=54.0,
        compute_ms=10.5,
        network_ms=0.145,
        infer_ms=9.0,
    )


def test_a_request_rate_is_a_level_too(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text("\n".join([f"Request Rate,{COLUMNS_OF_THE_TOOL}", "1" + LINES[1][1:], "5" + LINES[4][1:]]))
    assert [one.load for one in read_report(file, 8)] == ["request rate 1", "request rate 5"]


def test_times_that_the_tool_left_out_count_as_none(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text("\n".join([f"Concurrency,{COLUMNS_OF_THE_TOOL}", "1,400,,,,,,,,10000,,,,477,40,418"]))
    (measured,) = read_report(file, 8)
    assert (measured.p50_ms, measured.p99_ms, measured.queue_ms) == (10.0, 0.0, 0.0)


def test_a_report_without_a_level_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text(f"Concurrency,{COLUMNS_OF_THE_TOOL}\n")
    with pytest.raises(StartFailed, match="holds no measurement"):
        read_report(file, 8)


def test_the_table_has_a_cell_for_every_column(report: Path) -> None:
    cells = read_report(report, 8)[0].cells()
    assert len(cells) == len(COLUMNS)
    assert cells[:3] == ["concurrency 1", "400.0", "10.0"]


def measured(load: str, rows_per_s: float) -> Measurement:
    return Measurement(load, rows_per_s, rows_per_s / 8, 1.0, 2.0, 3.0, 0.1, 0.2, 0.3)


@pytest.fixture
def result() -> Result:
    def inputs(length: int, rows: int) -> Inputs:
        return Inputs(Path("inputs.json"), length, rows // 8, rows, padding=0.25)

    return Result(
        "cross_encoder",
        8,
        [
            ClassResult(inputs(20, 80), [measured("concurrency 1", 800.0), measured("concurrency 2", 1600.0)]),
            ClassResult(inputs(60, 80), [measured("concurrency 1", 200.0), measured("concurrency 2", 200.0)]),
        ],
    )


def test_the_total_is_all_rows_over_the_time_that_they_take(result: Result) -> None:
    one, two = result.totals()
    assert (one.load, two.load) == ("concurrency 1", "concurrency 2")
    assert one.rows_per_s == pytest.approx(160 / (80 / 800 + 80 / 200))
    assert one.requests_per_s == pytest.approx(one.rows_per_s / 8)
    assert two.rows_per_s == pytest.approx(160 / (80 / 1600 + 80 / 200))


def test_a_class_with_more_rows_counts_more(result: Result) -> None:
    short, long = result.classes
    more = ClassResult(Inputs(short.inputs.file, 20, 100, 800, 0.25), short.measurements)
    assert Result("cross_encoder", 8, [more, long]).totals()[0].rows_per_s > result.totals()[0].rows_per_s


def test_the_document_is_json_with_every_class(result: Result) -> None:
    document = json.loads(json.dumps(result.document()))
    assert document["model"] == "cross_encoder"
    assert [one["tokens_per_row"] for one in document["classes"]] == [20, 60]
    assert document["classes"][0]["padding"] == 0.25
    assert document["classes"][0]["stable"] is True
    assert document["classes"][0]["measurements"][0]["p99_ms"] == 3.0
    assert [total["load"] for total in document["total"]] == ["concurrency 1", "concurrency 2"]
