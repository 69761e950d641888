"""What was measured of a ranker, as people read it: every order, the one that serves, and why."""

import pytest

from clients.command_line.shared import console
from clients.command_line.shared.verdict_table import print_verdict
from gateway.ranker.fitted import FittedRanker, MeasuredOrder, Verdict
from tests.fakes.rankers import steps

BLEND = MeasuredOrder("blend", 0.1, 0.08, 0.12, -0.02, -0.03, -0.01, 0.03)
EASE = MeasuredOrder("item_neighbors", 0.12, 0.1, 0.14)
OWN = MeasuredOrder("own", 0.15, 0.13, 0.17, 0.03, 0.02, 0.04, 0.0006)
TREES = steps("relation_sum:ease", 0.5)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.results, "width", 200)


def printed(ranker: FittedRanker, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_verdict(ranker)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_order_has_a_row_and_the_served_one_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    ranker = FittedRanker(Verdict("own", "NDCG@10 +0.0300", 300, "item_neighbors", (BLEND, EASE, OWN)), TREES)
    assert printed(ranker, capsys) == [
        "order NDCG@10 95 % against the best first stage p",
        "all sources, blended 0.1000 0.080 to 0.120 -0.0200 0.0300",
        "item_neighbors 0.1200 0.100 to 0.140 best first stage",
        "trees fitted on this catalogue 0.1500 0.130 to 0.170 +0.0300 0.0006 served",
        f"Lists are ordered by: trees fitted on this catalogue ({ranker.version}). NDCG@10 +0.0300.",
    ]


def test_where_the_first_stage_serves_its_row_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    ranker = FittedRanker(Verdict("first_stage", "no trees were better", 300, "item_neighbors", (BLEND, EASE, OWN)))
    lines = printed(ranker, capsys)
    assert [line for line in lines if line.endswith("served")] == [
        "item_neighbors 0.1200 0.100 to 0.140 best first stage served"
    ]
    assert lines[-1] == f"Lists are ordered by: item_neighbors ({ranker.version}). no trees were better."


def test_where_nothing_was_measured_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    ranker = FittedRanker(Verdict("first_stage", "nothing could be measured"))
    assert printed(ranker, capsys) == [
        f"Lists are ordered by: all sources, blended ({ranker.version}). nothing could be measured."
    ]
