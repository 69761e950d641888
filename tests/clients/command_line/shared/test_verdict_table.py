"""What was measured of a ranker, as people read it: every order, the one that serves, and why."""

import pytest

from clients.command_line.shared import console
from clients.command_line.shared.verdict_table import print_verdict
from crossrank_client import MeasuredOrder, Ranker

BLEND = MeasuredOrder("blend", 0.1, 0.08, 0.12, -0.02, 0.03)
EASE = MeasuredOrder("item_neighbors", 0.12, 0.1, 0.14, 0.0, 1.0)
OWN = MeasuredOrder("own", 0.15, 0.13, 0.17, 0.03, 0.0006)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.results, "width", 80)


def printed(ranker: Ranker, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_verdict(ranker)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_order_has_one_line_of_80_columns_with_the_base_and_the_served_one_marked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ranker = Ranker("0123456789ab", "own", "NDCG@10 +0.0300", 300, (BLEND, EASE, OWN), "item_neighbors")
    assert printed(ranker, capsys) == [
        "order NDCG@10 95 % difference p",
        "all sources, blended 0.1000 0.080 to 0.120 -0.0200 0.0300",
        "item_neighbors 0.1200 0.100 to 0.140 base",
        "trees of this catalogue 0.1500 0.130 to 0.170 +0.0300 0.0006 served",
        "difference: to item_neighbors, which was the best first stage on other lists; p:",
        "corrected (Holm)",
        "lists are ordered by trees of this catalogue (0123456789ab): NDCG@10 +0.0300",
    ]


def test_where_the_first_stage_serves_it_says_so_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    ranker = Ranker("v", "first_stage", "no trees were better", 300, (BLEND, EASE, OWN), "blend")
    _, blend, *others, last = printed(ranker, capsys)
    assert blend == "all sources, blended 0.1000 0.080 to 0.120 base served"
    assert last == "lists are ordered by first-stage order (v): no trees were better"
    assert not any(row.endswith("served") for row in others)


def test_where_nothing_was_measured_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(Ranker("v", "first_stage", "nothing could be measured", 0, ()), capsys) == [
        "lists are ordered by first-stage order (v): nothing could be measured"
    ]


def test_trees_that_ship_have_a_name_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    default = MeasuredOrder("default", 0.2, 0.1, 0.3, 0.1, 0.01)
    assert "trees for any catalogue" in printed(Ranker("v", "default", "better", 300, (default,)), capsys)[-1]
