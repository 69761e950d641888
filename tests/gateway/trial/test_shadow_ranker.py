"""Where something else than the champion's reader orders a list there is nothing to compare a challenger with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.comparison import Outcome
from gateway.domain.order import Reading, RequestKind
from gateway.domain.values import CandidateOptions, Context, RankingOptions
from tests.fakes.rankers import steps, with_trees
from tests.fakes.signals import liked
from tests.gateway.rig import CATALOGUE, call
from tests.gateway.trial.rig import TrialRig

TREES = with_trees(steps("relation_sum:near", 0.0))


@pytest.fixture
def rig(tmp_path: Path) -> TrialRig:
    return TrialRig(tmp_path)


async def ask(rig: TrialRig, context: Context, options: RankingOptions = RankingOptions()) -> None:
    await rig.champion.recommend(context, CandidateOptions(), options, call())
    await rig.finish()


@pytest.mark.parametrize("reading", [Reading.AUTO, Reading.ALWAYS])
async def test_a_list_that_trees_ordered_is_not_compared_though_it_may_have_logits(
    rig: TrialRig, reading: Reading
) -> None:
    random = np.random.default_rng(1)
    rig.base.signals.signals = {item_id: liked(random) for item_id in CATALOGUE}
    await rig.base.fit(TREES)
    await ask(rig, Context(user_id="u1"), RankingOptions(reading=reading))
    assert rig.counted.shadow == {Outcome.UNSCORED: 1}
    assert rig.scorer.requests == []


async def test_a_list_in_first_stage_order_is_not_compared(rig: TrialRig) -> None:
    await ask(rig, Context(user_id="u1"), RankingOptions(first_stage_order=True, reading=Reading.ALWAYS))
    assert rig.counted.shadow == {Outcome.UNSCORED: 1}


@pytest.mark.parametrize("context", [Context(query="space"), Context(user_id="stranger")])
async def test_a_challenger_that_pays_for_this_kind_of_request_alone_is_compared_on_it(
    rig: TrialRig, context: Context
) -> None:
    kind = RequestKind.QUERY if context.query else RequestKind.NEW_USER
    rig.scorer.model = replace(rig.model, bundle=replace(rig.model.bundle, reading=frozenset({kind})))
    await ask(rig, context)
    assert rig.counted.shadow == {Outcome.COMPARED: 1}
