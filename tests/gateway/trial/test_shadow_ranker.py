"""What orders a list decides whether there is anything to compare: a model on trial where it reads, a ranker on trial
where trees or the first stage order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.cache.local import LocalScoreCache
from gateway.domain.comparison import Loss, Outcome
from gateway.domain.order import Orderer, Reading, RequestKind
from gateway.domain.values import CandidateOptions, Context, RankingOptions
from gateway.pipeline import Pipeline
from gateway.ranker.fitted import FittedRanker
from gateway.ranking.current_ranker import CurrentRanker
from gateway.trial.challenger import Challenger
from gateway.trial.shadow import Shadow, ShadowLimits
from gateway.trial.traffic_split import TrafficSplit
from tests.fakes.rankers import steps, with_trees, without_trees
from tests.fakes.signals import liked
from tests.gateway.rig import CATALOGUE, call
from tests.gateway.trial.rig import TrialRig

BETWEEN = (2.5, 3.5, 4.5, 5.5, 6.5)
TREES, OTHERS = (with_trees(steps(f"relation_sum:{name}", *BETWEEN)) for name in ("ease", "item_knn"))
USER = Context(user_id="u1")


@pytest.fixture
def rig(tmp_path: Path) -> TrialRig:
    return TrialRig(tmp_path)


async def fit(rig: TrialRig, ranker: FittedRanker) -> None:
    """From now on it orders lists. The history speaks for m7 most and m2 least by EASE, the other way by item kNN."""
    random, near = np.random.default_rng(1), {f"m{number}": [number, 9 - number, 0.0] for number in range(2, 8)}
    rig.base.signals.signals = {item_id: liked(random, near if item_id == "m0" else {}) for item_id in CATALOGUE}
    await rig.base.fit(ranker)


def shadow_with(rig: TrialRig, ranker: FittedRanker) -> None:
    """The shadow tries this ranker with the champion's model."""

    class Fixed(CurrentRanker):
        def current(self) -> FittedRanker:
            return ranker

    parts = replace(rig.base.parts, cache=LocalScoreCache(0), ranker=Fixed(rig.base.rankers, rig.base.signals))
    challenger = Challenger(
        Pipeline(parts, rig.base.defaults), lambda: Orderer("ranker", ranker.version), lambda: rig.is_ready
    )
    rig.shadow = Shadow(challenger, TrafficSplit("trial", 1.0), rig.log, ShadowLimits(2, 2, 5.0))
    rig.champion = Pipeline(replace(rig.base.parts, listener=rig.shadow), rig.base.defaults)


async def ask(rig: TrialRig, context: Context, options: RankingOptions = RankingOptions()) -> None:
    await rig.champion.recommend(context, CandidateOptions(), options, call())
    await rig.finish()


@pytest.mark.parametrize("reading", [Reading.AUTO, Reading.ALWAYS])
async def test_a_model_on_trial_does_not_order_what_trees_order_though_there_may_be_logits(
    rig: TrialRig, reading: Reading
) -> None:
    await fit(rig, TREES)
    await ask(rig, USER, RankingOptions(reading=reading))
    assert rig.counted.shadow == {Outcome.SAME: 1}
    trees, model = Orderer("ranker", TREES.version), Orderer("cross_encoder", "2")
    assert rig.store.losses == {Loss(trees, model, Outcome.SAME): 1}
    assert rig.scorer.requests == []


async def test_a_list_that_its_caller_wanted_in_first_stage_order_is_the_same_for_everybody(rig: TrialRig) -> None:
    await ask(rig, USER, RankingOptions(first_stage_order=True, reading=Reading.ALWAYS))
    assert rig.counted.shadow == {Outcome.SAME: 1}


async def test_signals_that_are_away_cost_a_comparison_of_rankers(rig: TrialRig) -> None:
    await fit(rig, TREES)
    shadow_with(rig, OTHERS)
    rig.base.signals.away = True
    await ask(rig, USER)
    assert rig.counted.shadow == {Outcome.UNSCORED: 1}


@pytest.mark.parametrize("serves", [TREES, without_trees("popular")], ids=["trees", "first stage"])
async def test_a_ranker_on_trial_is_compared_with_what_serves_and_reads_nothing(
    rig: TrialRig, serves: FittedRanker
) -> None:
    await fit(rig, serves)
    shadow_with(rig, OTHERS)
    await ask(rig, USER)
    assert rig.counted.shadow == {Outcome.COMPARED: 1}
    (found,) = rig.store.comparisons
    named = Orderer("ranker", TREES.version) if serves is TREES else Orderer("first_stage", "popular")
    assert (found.champion, found.challenger) == (named, Orderer("ranker", OTHERS.version))
    assert found.agreement.items == 6, "all candidates"
    assert found.agreement.logit is None
    assert (found.agreement.score is None) == (serves is not TREES)
    assert found.champion_s is not None
    assert min(found.champion_s, found.challenger_s) > 0
    assert rig.base.scorer.requests == rig.scorer.requests == []


async def test_opposite_trees_have_tau_minus_one_and_equal_ones_are_the_same(rig: TrialRig) -> None:
    await fit(rig, TREES)
    for tried in (OTHERS, TREES):
        shadow_with(rig, tried)
        await ask(rig, USER)
    assert [one.agreement.kendall_tau for one in rig.store.comparisons] == [-1.0]
    assert rig.counted.shadow == {Outcome.COMPARED: 1, Outcome.SAME: 1}


@pytest.mark.parametrize("context", [Context(query="space"), Context(user_id="stranger")])
async def test_a_ranker_on_trial_orders_nothing_but_known_histories(rig: TrialRig, context: Context) -> None:
    await fit(rig, TREES)
    rig.base.scorer.model = replace(rig.base.model, bundle=replace(rig.base.model.bundle, reading=frozenset()))
    shadow_with(rig, OTHERS)
    await ask(rig, context)
    assert rig.counted.shadow == {Outcome.SAME: 1}
    (loss,) = rig.store.losses
    assert str(loss.champion) == "first_stage:blend"


async def test_a_ranker_on_trial_that_was_not_found_is_unavailable(rig: TrialRig) -> None:
    await fit(rig, TREES)
    rig.is_ready = False
    shadow_with(rig, without_trees())
    await ask(rig, USER)
    assert rig.store.outcomes() == {Outcome.UNAVAILABLE: 1}


@pytest.mark.parametrize("context", [Context(query="space"), Context(user_id="stranger")])
async def test_a_challenger_that_pays_for_this_kind_of_request_alone_is_compared_on_it(
    rig: TrialRig, context: Context
) -> None:
    kind = RequestKind.QUERY if context.query else RequestKind.NEW_USER
    rig.scorer.model = replace(rig.model, bundle=replace(rig.model.bundle, reading=frozenset({kind})))
    await ask(rig, context)
    assert rig.counted.shadow == {Outcome.COMPARED: 1}
