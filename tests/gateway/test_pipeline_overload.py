"""A model that is busy: who is refused, and who needs nothing of it."""

from pathlib import Path

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import Overloaded
from gateway.domain.order import Reading
from gateway.domain.values import CandidateOptions, Context, Priority, RankingOptions
from tests.fakes.rankers import without_trees
from tests.gateway.rig import Rig, call, ids

USER = Context(user_id="u1")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_a_saturated_gateway_refuses_what_the_model_would_have_to_read(rig: Rig) -> None:
    with rig.admission.admit(10_000, Priority.INTERACTIVE, Budget(5.0)), pytest.raises(Overloaded):
        await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert rig.scorer.requests == []


async def test_a_saturated_gateway_answers_whatever_needs_no_reading(rig: Rig) -> None:
    """Neither a list that the model does not order, nor one whose scores are all known, waits for the model."""
    known = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    with rig.admission.admit(10_000, Priority.INTERACTIVE, Budget(5.0)):
        again = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
        unread = RankingOptions(reading=Reading.NEVER)
        ordered = await rig.pipeline.recommend(Context(user_id="u2"), CandidateOptions(), unread, call())
        await rig.fit(without_trees())
        trees = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert ids(again) == ids(known)
    assert [answer.degraded for answer in (again, ordered, trees)] == [(), (), ()]
