"""Which order is served: only what a paired test, corrected for all that was tested, showed to be better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from gateway.domain.values import Candidate, SourceHit
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import Verdict
from gateway.ranker.fused_score import Fusion
from tests.fakes.rankers import steps
from tests.training.histories import oldest_first
from training.lists.candidate_list import CandidateList
from training.metrics.significance import holm, randomisation_p_values
from training.ranker.cross_fit import ndcg_by_list
from training.ranker.table import ScoredList, Values, tabulate
from training.ranker.verdict import FEW_USERS, first_stage_gains, judge

ITEMS = [f"i{number}" for number in range(12)]
OWN, DEFAULT = steps("score:hint", 0.5), steps("score:other_hint", 0.5)
"""They put first what a hint speaks for."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Lists to choose the first stage on, and lists to judge on, with their features' input."""

    choosing: Sequence[CandidateList]
    lists: Sequence[CandidateList]
    scored: Sequence[ScoredList]


def judged(orders: Orders, trees: Mapping[str, Fusion], missing: str = "") -> Verdict:
    gains = {name: tree_gains(fusion, orders) for name, fusion in trees.items()}
    return judge(first_stage_gains(orders.choosing), first_stage_gains(orders.lists), gains, missing)


def tree_gains(fusion: Fusion, orders: Orders) -> Values:
    table = tabulate(orders.scored, fusion.spec.features)
    return ndcg_by_list(table, fusion.margins_of(table.matrix))


def made(users: int, seed: int, *, sources: Mapping[str, float], hints: Mapping[str, float]) -> Orders:
    """Lists of 12 candidates and one target. Each of ``sources`` and ``hints`` knows the target of this share of the
    lists, and otherwise puts a random item first; other lists are for choosing."""
    random = np.random.default_rng(seed)
    lists, scored = [], []
    for user in range(2 * users):
        target = str(random.choice(ITEMS))
        told = {name: _told(random, target, share) for name, share in {**sources, **hints}.items()}
        candidates = tuple(
            Candidate(
                item_id,
                rank,
                1 / (60 + rank),
                tuple(SourceHit(name, 1, 1.0) for name in hints if told[name][0] == item_id),
            )
            for rank, item_id in enumerate(ITEMS, start=1)
        )
        by_source = {name: tuple(told[name]) for name in sources}
        lists.append(CandidateList(f"u{user}", oldest_first(), (target,), candidates, by_source))
        scored.append(ScoredList(f"u{user}", FusionInput(candidates, {}), frozenset({target})))
    return Orders(lists[users:], lists[:users], scored[:users])


def _told(random: np.random.Generator, target: str, share: float) -> list[str]:
    first = target if random.random() < share else str(random.choice(ITEMS))
    return [first, *(str(one) for one in random.permutation([item_id for item_id in ITEMS if item_id != first]))]


def rows(verdict: Verdict) -> dict[str, float]:
    """NDCG@10 by order."""
    return {row.name: row.ndcg for row in verdict.rows}


def test_trees_that_are_significantly_better_are_served_with_the_difference_and_its_p() -> None:
    verdict = judged(made(250, 1, sources={"knn": 0.3}, hints={"hint": 0.9}), {"own": OWN})
    own = next(row for row in verdict.rows if row.name == "own")
    assert (verdict.serves, verdict.first_stage, verdict.users) == ("own", "knn", 250)
    assert verdict.reason == f"NDCG@10 {own.difference:+.4f} against knn, p {own.p:.4f}, on 250 held-out users"
    assert own.difference == pytest.approx(rows(verdict)["own"] - rows(verdict)["knn"])
    assert own.difference_low < own.difference < own.difference_high
    assert own.difference_low > 0


def test_every_source_the_blend_and_the_trees_are_measured() -> None:
    orders = made(60, 2, sources={"knn": 0.3, "popular": 0.1}, hints={"hint": 0.5})
    verdict = judged(orders, {"own": OWN})
    assert list(rows(verdict)) == ["blend", "knn", "popular", "own"]
    assert all(row.low <= row.ndcg <= row.high for row in verdict.rows)
    base = next(row for row in verdict.rows if row.name == verdict.first_stage)
    assert (base.difference, base.p) == (0.0, 1.0)


@pytest.mark.parametrize("knows", [0.0, 0.31])
def test_trees_that_are_no_better_or_not_shown_to_be_are_not_served(knows: float) -> None:
    verdict = judged(made(250, 3, sources={"knn": 0.3}, hints={"hint": knows}), {"own": OWN})
    assert verdict.serves == "first_stage"
    assert verdict.first_stage in {"blend", "knn"}
    assert verdict.reason.startswith("no trees were significantly better: first-stage order (")


def test_trees_that_are_significantly_worse_are_not_served() -> None:
    verdict = judged(made(250, 4, sources={"knn": 0.9}, hints={"hint": 0.1}), {"own": OWN})
    own = next(row for row in verdict.rows if row.name == "own")
    assert own.p < 0.01
    assert own.difference < 0
    assert verdict.serves == "first_stage"


def test_of_several_that_are_better_the_best_is_served() -> None:
    trees = {"own": OWN, "default": DEFAULT}
    better = made(250, 5, sources={"knn": 0.1}, hints={"hint": 0.5, "other_hint": 0.95})
    assert judged(better, trees).serves == "default"
    worse = made(250, 5, sources={"knn": 0.1}, hints={"hint": 0.95, "other_hint": 0.5})
    assert judged(worse, trees).serves == "own"


@pytest.mark.parametrize(("measured", "base"), [(0.12, "b"), (0.9, "a")])
def test_the_first_stage_to_beat_is_the_best_on_other_lists_unless_another_is_significantly_better(
    measured: float, base: str
) -> None:
    here, there = (
        made(100, 6, sources=sources, hints={"hint": 0.0})
        for sources in ({"a": measured, "b": 0.1}, {"a": 0.1, "b": 0.9})
    )
    verdict = judged(replace(here, choosing=there.choosing), {"own": OWN})
    assert (verdict.serves, verdict.first_stage) == ("first_stage", base)
    assert next(row for row in verdict.rows if row.name == base).difference == 0


def test_trees_must_be_better_than_a_source_that_has_become_the_best() -> None:
    here, there = (
        made(250, 7, sources=sources, hints={"hint": 0.5}) for sources in ({"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 0.9})
    )
    assert judged(here, {"own": OWN}).serves == "first_stage"
    assert judged(replace(here, choosing=there.choosing), {"own": OWN}).serves == "first_stage"


def p_values(orders: Orders, trees: Mapping[str, Fusion], base: str) -> dict[str, float]:
    """p by order, corrected, from NDCG counted by hand: of one target at rank r it is 1 / log2(1 + r)."""

    def gains(ranked: Sequence[Sequence[str]]) -> list[float]:
        ranks = [order.index(one.targets[0]) + 1 for order, one in zip(ranked, orders.lists, strict=True)]
        return [1 / np.log2(1 + rank) if rank <= 10 else 0.0 for rank in ranks]

    columns = {"blend": gains([ITEMS] * len(orders.lists))}
    columns |= {name: gains([one.by_source[name] for one in orders.lists]) for name in orders.lists[0].by_source}
    for name, fusion in trees.items():
        margins = [fusion.margins(one.given) for one in orders.scored]
        columns[name] = gains([[ITEMS[place] for place in np.argsort(-one, kind="stable")] for one in margins])
    names = [name for name in columns if name != base]
    differences = np.stack([np.subtract(columns[name], columns[base]) for name in names], axis=1)
    return dict(zip(names, holm(randomisation_p_values(differences, seed=1)), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_p_is_that_of_a_paired_test_corrected_for_all_orders_together(seed: int) -> None:
    orders = made(60, seed, sources={"knn": 0.4, "popular": 0.3}, hints={"hint": 0.6})
    verdict = judged(orders, {"own": OWN})
    expected = p_values(orders, {"own": OWN}, verdict.first_stage)
    assert {row.name: row.p for row in verdict.rows if row.name != verdict.first_stage} == expected


def test_what_is_better_by_a_test_alone_may_not_be_after_many_tests() -> None:
    few = {"knn": 0.3}
    many = {"knn": 0.3} | {f"like{number}": 0.29 for number in range(12)}
    served = {
        name: [judged(made(60, seed, sources=sources, hints={"hint": 0.55}), {"own": OWN}).serves for seed in range(8)]
        for name, sources in (("few", few), ("many", many))
    }
    assert served["few"].count("own") > served["many"].count("own")


@pytest.mark.parametrize(("users", "told"), [(FEW_USERS - 1, True), (FEW_USERS, False)])
@pytest.mark.parametrize("knows", [0.0, 0.95])
def test_few_users_are_said_to_tell_little(users: int, told: bool, knows: float) -> None:
    verdict = judged(made(users, 7, sources={"knn": 0.1}, hints={"hint": knows}), {"own": OWN})
    assert verdict.reason.endswith(f"; {users} users tell little") is told


def test_why_there_are_no_trees_is_said_where_the_first_stage_serves() -> None:
    orders = made(60, 8, sources={"knn": 0.5}, hints={})
    verdict = judged(orders, {}, "too few users for trees")
    assert verdict.serves == "first_stage"
    assert verdict.reason.startswith("too few users for trees: first-stage order (knn), measured on 60 held-out users")


def test_the_same_lists_have_the_same_verdict() -> None:
    orders = made(60, 9, sources={"knn": 0.3}, hints={"hint": 0.5})
    assert judged(orders, {"own": OWN}) == judged(orders, {"own": OWN})
