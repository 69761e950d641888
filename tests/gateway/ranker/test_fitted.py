"""A fitted ranker survives being kept as text; its version says what it is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gateway.domain.values import Candidate, SourceHit
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import BLEND, ORDERS, FittedRanker, Verdict, first_stage_fusion, parse_ranker
from gateway.ranker.spec import SpecInvalid
from gateway.ranking.order import rank
from tests.fakes.rankers import steps, with_trees, without_trees

TREES = steps("relation_sum:ease", 0.25, 0.75)
RANKERS = [
    with_trees(TREES, "follows"),
    without_trees("item_neighbors"),
    FittedRanker(Verdict("first_stage", "no users")),
]


@pytest.mark.parametrize("ranker", RANKERS, ids=["trees", "first stage", "nothing measured"])
def test_what_was_written_is_read_back_whole(ranker: FittedRanker) -> None:
    read = parse_ranker(ranker.to_json())
    assert read == ranker
    assert read.version == ranker.version
    assert read.to_json() == ranker.to_json()
    if ranker.trees and read.trees:
        matrix = np.array([[0.1], [0.5], [np.nan], [1.0]])
        assert np.array_equal(read.trees.margins_of(matrix), ranker.trees.margins_of(matrix))


def test_a_version_is_twelve_digits_that_everything_about_a_ranker_decides() -> None:
    first = with_trees(TREES)
    others = [
        with_trees(steps("relation_sum:ease", 0.25, 0.8)),
        with_trees(TREES, "follows"),
        FittedRanker(replace(first.verdict, users=301), TREES),
        FittedRanker(first.verdict),
    ]
    versions = [one.version for one in (first, *others)]
    assert len(set(versions)) == len(versions)
    assert all(len(one) == 12 and int(one, 16) >= 0 for one in versions)
    assert with_trees(steps("relation_sum:ease", 0.25, 0.75)).version == first.version


def test_the_blend_orders_as_the_candidates_came() -> None:
    given = FusionInput([Candidate("b", 2, 0.2), Candidate("a", 1, 0.3), Candidate("c", 3, 0.1)], {})
    assert [one.candidate.item_id for one in rank(first_stage_fusion(BLEND), given)] == ["a", "b", "c"]


def test_what_a_source_proposed_leads_in_its_own_order_and_the_blend_follows() -> None:
    hits = {"c": 900, "d": 901, "a": 3}
    given = FusionInput(
        [
            Candidate(
                item_id, rank, 1 / (60 + rank), (SourceHit("knn", hits[item_id], 1.0),) if item_id in hits else ()
            )
            for rank, item_id in enumerate("abcdef", start=1)
        ],
        {},
    )
    assert [one.candidate.item_id for one in rank(first_stage_fusion("knn"), given)] == list("acdbef")


def test_a_verdict_without_an_order_that_serves_falls_on_the_first_stage() -> None:
    assert ORDERS[-1] == "first_stage"
    assert without_trees("popular").first_stage == first_stage_fusion("popular")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "null",
        "[]",
        "{}",
        json.dumps({"verdict": {}, "trees": None}),
        json.dumps({"verdict": {"serves": "own", "reason": "", "rows": [{"luck": 1}]}, "trees": None}),
        with_trees(TREES).to_json().replace("version=v4", "version=v9"),
        with_trees(TREES).to_json().replace("relation_sum:ease", "luck:ease"),
        with_trees(TREES).to_json().replace('"slope": 1.0', '"slope": -1.0'),
    ],
)
def test_a_text_that_is_no_ranker_is_refused_and_says_what_to_do(broken: str) -> None:
    with pytest.raises(SpecInvalid):
        parse_ranker(broken)


def test_a_text_of_another_time_names_the_command_that_makes_a_new_one() -> None:
    with pytest.raises(SpecInvalid, match="crossrank index"):
        parse_ranker("{}")
