"""Rounds: everybody in every round, each round another order, and a failure harms one system only."""

from dataclasses import replace

import pytest

from clients.load.bench.rounds import order, run_rounds
from clients.load.bench.workload.job_texts import Job
from clients.load.bench.workload.system import SystemAbsent, Visit
from deploy.local.errors import StartFailed
from tests.clients.load.bench.made import Spoken, visits

NAMES = ["a", "b", "c"]


def told(name: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("systems", [1, 2, 5, 6])
def test_after_as_many_rounds_as_systems_each_was_at_every_place_once(systems: int) -> None:
    names = [str(number) for number in range(systems)]
    orders = [order(names, number) for number in range(systems)]
    for place in range(systems):
        assert sorted(one[place] for one in orders) == names


def test_every_round_runs_every_system_in_its_order() -> None:
    story: list[str] = []
    run_rounds([Spoken(name, story) for name in NAMES], visits(3), told)
    assert story[:9] == ["0 a", "0 b", "0 c", "1 b", "1 c", "1 a", "2 c", "2 a", "2 b"]
    assert story[9:] == ["close a", "close b", "close c"]


def test_turns_tell_round_and_place() -> None:
    record = run_rounds([Spoken(name, []) for name in NAMES], visits(2), told)
    assert [(turn.round, turn.place, turn.reading.system) for turn in record.turns] == [
        *((0, 0, "a"), (0, 1, "b"), (0, 2, "c")),
        *((1, 0, "b"), (1, 1, "c"), (1, 2, "a")),
    ]


def test_a_system_that_is_absent_is_left_out_with_its_reason_and_the_others_go_on() -> None:
    def absent(visit: Visit) -> None:
        raise SystemAbsent("no index")

    story: list[str] = []
    systems = [Spoken("a", story), Spoken("b", story, absent), Spoken("c", story)]
    record = run_rounds(systems, visits(2), told)
    assert record.absent == {"b": "no index"}
    assert story.count("1 b") == 0
    assert [one.pairs_per_s for one in record.readings("a")] == [10.0, 11.0]
    assert record.readings("b") == []


def test_a_failure_in_a_later_round_keeps_the_earlier_ones() -> None:
    def late(visit: Visit) -> None:
        if visit.number == 1:
            raise StartFailed("port taken")

    record = run_rounds([Spoken("a", [], late)], visits(3), told)
    assert record.absent == {"a": "failed in round 2: port taken"}
    assert len(record.readings("a")) == 1


def test_what_nobody_foresaw_still_closes_everything() -> None:
    def broken(visit: Visit) -> None:
        raise ZeroDivisionError

    story: list[str] = []
    with pytest.raises(ZeroDivisionError):
        run_rounds([Spoken("a", story, broken), Spoken("b", story)], visits(1), told)
    assert story == ["0 a", "close a", "close b"]


def test_scores_are_asked_for_once() -> None:
    proof = [Job("context", ("item",))]
    record = run_rounds([Spoken("a", [])], [replace(visit, proof=proof) for visit in visits(2)], told)
    assert record.scores == {"a": [[0.5]]}


def test_every_turn_is_told_before_it_begins() -> None:
    story: list[str] = []
    run_rounds([Spoken(name, story) for name in NAMES], visits(1), lambda name: story.append(f"told {name}"))
    assert story[:4] == ["told a", "0 a", "told b", "0 b"]
