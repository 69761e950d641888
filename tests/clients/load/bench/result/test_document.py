"""The summary's keys and numbers, and the page that shows them."""

import json
import re
from typing import Any

import pytest

from clients.load.bench.benchmark import Outcome
from clients.load.bench.result import summary
from clients.load.bench.result.document import build_document
from clients.load.bench.result.page import render_page
from clients.load.bench.rounds import Record
from tests.clients.load.bench.made import made, record_of

RECOMMEND = {"recommend_minus_rerank_p50_ms": summary.NOT_MEASURED, "reason": "left out"}


def outcome(record: Record) -> Outcome:
    return Outcome(
        plan={"mixes": ["mixed"], "systems": list(summary.SYSTEMS), "rounds": 2, "seconds": 1.0}
        | {"candidates": 100, "callers": 4},
        machine={"processor": "a <processor>", "cores": 2, "memory_gb": 8.0, "load_before": [0.1, 0.1, 0.1]},
        versions={"python": "3.11"},
        texts={"mixed": {"mean": 57.0, "p95": 80.0}},
        agreement={"gateway": {"mean": 1.0, "lowest": 1.0, "lists": 3}},
        record=record,
    )


def full_record() -> Record:
    rates = {name: 10.0 * (place + 1) for place, name in enumerate(summary.SYSTEMS)}
    first = [made(name, rate) for name, rate in rates.items()]
    second = [made(name, rate * 3) for name, rate in rates.items()]
    extra = [made("gateway", 50.0, "open"), made("gateway", 120.0, "zipf_1", hit_share=0.4)]
    return record_of([*first, *extra, made("gateway", 900.0, "all_hit", hit_share=1.0)], second)


def test_every_system_has_its_keys() -> None:
    document = build_document(outcome(full_record()), RECOMMEND)
    assert set(document["pairs_per_s"]) == set(summary.SYSTEMS)
    assert set(document["ratios"]) == {f"gateway_vs_{name}" for name in summary.SYSTEMS if name != "gateway"}
    assert set(document["cost"]["gateway"]) == {
        "cpu_s_per_1000_pairs",
        "peak_memory_mb",
        "pairs_per_s_per_core_s",
    }
    assert {"p50", "p95", "p99"} <= set(document["latency_ms"]["gateway_closed_4x100"])
    for key in ("machine", "versions", "rounds", "agreement", "absent", "plan", "texts", "recommend", "warm"):
        assert key in document


def test_the_document_is_json_with_all_raw_rounds() -> None:
    document = json.loads(json.dumps(build_document(outcome(full_record()), RECOMMEND), allow_nan=False))
    assert len(document["rounds"]) == 2 * len(summary.SYSTEMS) + 3
    assert document["rounds"][0]["latencies_ms"] == [10.0, 20.0, 30.0]


def test_medians_and_extremes_are_of_rounds() -> None:
    rates = summary.throughput(
        record_of([made("gateway", 5.0)], [made("gateway", 9.0)], [made("gateway", 6.0)]), "mixed"
    )
    assert rates["gateway"].document() == {"median": 6.0, "min": 5.0, "max": 9.0, "rounds": [5.0, 9.0, 6.0]}


def test_a_ratio_is_taken_round_by_round() -> None:
    """A machine that doubles its speed in between does not change it."""
    record = record_of(
        [made("gateway", 10.0), made("triton", 20.0)],
        [made("gateway", 30.0), made("triton", 60.0)],
        [made("gateway", 40.0), made("triton", 10.0)],
    )
    found = summary.ratios(summary.throughput(record, "mixed"))
    assert found["gateway_vs_triton"].rounds == (0.5, 0.5, 4.0)
    assert found["gateway_vs_triton"].value == 0.5


def test_of_two_arrangements_the_better_one_counts_in_all_rounds() -> None:
    record = record_of(
        [made("bare_engine", 10.0, variant="one"), made("bare_engine", 12.0, variant="many")],
        [made("bare_engine", 30.0, variant="one"), made("bare_engine", 20.0, variant="many")],
    )
    assert summary.throughput(record, "mixed")["bare_engine"].rounds == (10.0, 30.0)


def test_an_absent_system_has_null_and_a_reason() -> None:
    record = record_of([made("gateway", 10.0)])
    record.absent["infinity_int8"] = "no package index"
    document = build_document(outcome(record), RECOMMEND)
    assert document["pairs_per_s"]["infinity_int8"] is None
    assert document["ratios"]["gateway_vs_infinity_int8"] is None
    assert document["absent"]["infinity_int8"] == "no package index"


def test_without_the_gateway_there_is_no_ratio() -> None:
    document = build_document(outcome(record_of([made("triton", 10.0)])), RECOMMEND)
    assert set(document["ratios"].values()) == {None}


def test_latencies_of_all_rounds_are_joined_before_percentiles() -> None:
    found: Any = summary.latencies(record_of([made("gateway", 1.0)], [made("gateway", 1.0)]), "mixed")
    assert found["gateway_closed_4x100"]["requests"] == 6
    assert found["gateway_closed_4x100"]["p50"] == 20.0


def test_costs_are_per_thousand_pairs() -> None:
    assert summary.costs(record_of([made("gateway", 1.0)]), "mixed")["gateway"]["cpu_s_per_1000_pairs"] == 2.0


def test_warm_is_compared_with_cold() -> None:
    document: Any = summary.warm_document(full_record(), "mixed")
    found = document["zipf_1"]
    assert (found["pairs_per_s"], found["warm_over_cold"], found["hit_share"]) == (120.0, 2.0, 0.4)
    assert document["all_hit_100_p50_ms"] == 20.0


def test_warm_is_compared_with_the_cold_of_its_own_round() -> None:
    rounds = [
        [made("gateway", cold), made("gateway", warm, "zipf_1")]
        for cold, warm in ((10.0, 50.0), (20.0, 60.0), (10.0, 40.0))
    ]
    found: Any = summary.warm_document(record_of(*rounds, [made("gateway", 99.0)]), "mixed")["zipf_1"]
    assert found["warm_over_cold_spread"]["rounds"] == [5.0, 3.0, 4.0]
    assert (found["warm_over_cold"], found["pairs_per_s"]) == (4.0, 50.0)


def test_a_list_that_was_not_all_hits_is_not_passed_off_as_one() -> None:
    record = record_of([made("gateway", 9.0, "all_hit", hit_share=0.99)])
    assert summary.warm_document(record, "mixed")["all_hit_100_p50_ms"] == summary.NOT_MEASURED


@pytest.mark.parametrize(
    "record", [full_record(), record_of([made("gateway", 5.0)]), Record()], ids=["all", "one", "none"]
)
def test_the_page_stands_alone(record: Record) -> None:
    document = build_document(outcome(record), RECOMMEND)
    page = render_page(document, summary.throughput(record, "mixed"))
    assert re.findall(r'(?:src|href|srcset)="(?!data:)', page) == []
    assert "<script" not in page
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert "a &lt;processor&gt;" in page


def test_the_page_shows_every_system_and_why_one_is_absent() -> None:
    record = full_record()
    record.absent["infinity_torch"] = "pip failed"
    page = render_page(build_document(outcome(record), RECOMMEND), summary.throughput(record, "mixed"))
    for name in summary.SYSTEMS:
        assert f"<td>{name}</td>" in page
    assert "infinity_torch is absent: pip failed" in page
    assert page.count("data:image/svg+xml") == 6, "three plots, each for a light and a dark page"
