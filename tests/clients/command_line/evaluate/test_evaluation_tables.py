"""Numbers in the tables of an evaluation: short, with a sign where it counts, and never a made-up percentage."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from clients.command_line.evaluate.evaluation_tables import _between, _percent, _short, _signed, print_evaluation
from clients.command_line.shared import console
from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, random_evaluated
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation


@pytest.mark.parametrize(
    ("value", "digits", "told"),
    [(0.25, 4, ".2500"), (0.25, 3, ".250"), (0.0, 4, ".0000"), (1.0, 4, "1.0000"), (12.5, 4, "12.5000")],
)
def test_the_zero_before_the_point_is_left_out_and_no_other_digit(value: float, digits: int, told: str) -> None:
    assert _short(value, digits) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0.0123, "+.0123"), (-0.0123, "-.0123"), (0.0, "+.0000"), (1.5, "+1.5000"), (-10.0, "-10.0000")]
)
def test_a_difference_always_has_its_sign(value: float, told: str) -> None:
    assert _signed(value) == told


def test_an_interval_around_zero_shows_both_signs() -> None:
    assert _between(-0.01, 0.02) == "-.0100 to +.0200"


@pytest.mark.parametrize(
    ("change", "told"),
    [(None, ""), (0.0, "+0.0 %"), (-3.26, "-3.3 %"), (99.9, "+99.9 %"), (100.0, "+100 %"), (-250.4, "-250 %")],
)
def test_a_large_change_is_told_without_decimals_and_a_missing_one_not_at_all(change: float | None, told: str) -> None:
    assert _percent(change) == told


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(random_evaluated(40, seed=2), PLAN, CATALOGUE, POPULARITY)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(console, "results", Console(file=stream, width=120, highlight=False))
    monkeypatch.setattr(console, "notes", Console(file=io.StringIO(), width=120))
    return stream


def test_a_base_of_zero_has_no_change_in_percent(found: Evaluation, shown: io.StringIO) -> None:
    methods = [
        replace(one, beyond=replace(one.beyond, coverage=0.0)) if one.name == found.base else one
        for one in found.methods
    ]
    print_evaluation(replace(found, methods=methods))
    (line,) = (line for line in shown.getvalue().splitlines() if line.startswith("coverage@"))
    assert "%" not in line
    assert line.split()[1] == ".0000"


def test_only_metrics_of_the_plan_have_columns(found: Evaluation, shown: io.StringIO) -> None:
    print_evaluation(found)
    head = next(line for line in shown.getvalue().splitlines() if line.startswith("method")).split()
    for name in ("ndcg@10", "map@10", "mrr", "recall@100"):
        assert (name in head) == (name in found.plan.metrics)


def test_the_title_counts_users_candidates_and_catalogue(found: Evaluation, shown: io.StringIO) -> None:
    print_evaluation(found)
    first = shown.getvalue().splitlines()[0]
    assert first == f"{found.users} test users, {found.candidates} candidates of {found.catalogue} items"
