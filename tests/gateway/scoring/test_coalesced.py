"""Identical pairs in flight are computed once; a failed chunk costs its own pairs; admission counts tokens."""

import asyncio
from pathlib import Path

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelUnavailable, Overloaded
from gateway.domain.values import EncodedPair, ModelIdentity, Priority
from gateway.ports import ServedModel
from gateway.scoring.admission import Admission, AdmissionLimits
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer, ScoringWork
from tests.fakes.scorers import FakeScorer, hash_logit
from tests.fakes.specs import small_bundle


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    bundle = small_bundle(tmp_path)
    return ServedModel(ModelIdentity("cross_encoder", "1", bundle.fingerprint), bundle)


def pairs(*numbers: int, length: int = 5) -> dict[bytes, EncodedPair]:
    return {str(number).encode(): EncodedPair((number,) * length, (0,) * length, truncated=False) for number in numbers}


def rig(model: ServedModel, max_tokens: int = 10_000) -> tuple[FakeScorer, CoalescedScorer, Admission]:
    scorer, admission = FakeScorer(model), Admission(AdmissionLimits(max_tokens, 0.5, 0.2))
    return (
        scorer,
        CoalescedScorer(scorer, admission, ChunkLimits(max_tokens=20, max_pairs=4, batch_chunks=2)),
        admission,
    )


def work(
    model: ServedModel,
    keyed: dict[bytes, EncodedPair],
    seconds: float = 5.0,
    priority: Priority = Priority.INTERACTIVE,
) -> ScoringWork:
    return ScoringWork(model, keyed, priority, Budget(seconds))


async def until_asked(scorer: FakeScorer, requests: int) -> None:
    async with asyncio.timeout(10):
        while len(scorer.requests) < requests:
            await asyncio.sleep(0)


async def test_every_key_gets_the_logit_of_its_own_pair(model: ServedModel) -> None:
    scorer, coalesced, _ = rig(model)
    keyed = {**pairs(*range(30)), **pairs(*range(100, 110), length=9)}
    outcome = await coalesced.score(work(model, keyed))
    assert outcome.logits == {key: hash_logit(pair) for key, pair in keyed.items()}
    assert outcome.model_requests == len(scorer.requests) > 1
    assert outcome.scored_tokens == sum(len(pair.token_ids) for pair in keyed.values())
    assert all(len(request) <= 4 for request in scorer.requests)


async def test_padding_is_counted_by_model_request(model: ServedModel) -> None:
    _, coalesced, _ = rig(model)
    outcome = await coalesced.score(work(model, {**pairs(1, 2, length=3), **pairs(3, length=5), **pairs(4, length=9)}))
    assert outcome.model_requests == 2, "at most 20 padded tokens: 3 pairs of 5, then one of 9"
    assert (outcome.scored_tokens, outcome.padded_tokens) == (3 + 3 + 5 + 9, 3 * 5 + 9)


async def test_two_requests_for_the_same_pairs_cost_one_computation(model: ServedModel) -> None:
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    first = asyncio.create_task(coalesced.score(work(model, pairs(1, 2))))
    await until_asked(scorer, 1)
    second = asyncio.create_task(coalesced.score(work(model, pairs(2, 3))))
    await until_asked(scorer, 2)
    scorer.gate.set()
    first_outcome, second_outcome = await first, await second
    assert [pair.token_ids[0] for request in scorer.requests for pair in request] == [1, 2, 3]
    assert second_outcome.coalesced == 1
    assert second_outcome.logits == {key: hash_logit(pair) for key, pair in pairs(2, 3).items()}
    assert set(first_outcome.logits) == {b"1", b"2"}


async def test_when_the_first_caller_gives_up_the_second_computes_for_itself(model: ServedModel) -> None:
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    first = asyncio.create_task(coalesced.score(work(model, pairs(1))))
    await until_asked(scorer, 1)
    second = asyncio.create_task(coalesced.score(work(model, pairs(1))))
    await asyncio.sleep(0)
    first.cancel()
    await until_asked(scorer, 2)
    scorer.gate.set()
    assert (await second).logits == {b"1": hash_logit(pairs(1)[b"1"])}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failing_model_gives_faults_and_leaves_nothing_in_flight(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model)
    scorer.fault = ModelUnavailable("worker died")
    outcome = await coalesced.score(work(model, pairs(*range(8))))
    assert outcome.logits == {}
    assert {type(fault) for fault in outcome.faults} == {ModelUnavailable}
    assert admission.in_flight == 0
    scorer.fault = None
    assert len((await coalesced.score(work(model, pairs(*range(8))))).logits) == 8


async def test_what_the_budget_does_not_allow_is_reported_as_deadline(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model)
    scorer.gate = asyncio.Event()
    outcome = await coalesced.score(work(model, pairs(1, 2), seconds=0.01))
    assert outcome.logits == {}
    assert [fault.reason for fault in outcome.faults] == ["DEADLINE_TOO_SHORT"]
    assert admission.in_flight == 0


async def test_batch_work_has_a_few_chunks_at_the_model_and_interactive_work_passes_the_others(
    model: ServedModel,
) -> None:
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    batch = [
        asyncio.create_task(coalesced.score(work(model, pairs(*range(start, start + 8)), priority=Priority.BATCH)))
        for start in (0, 100)
    ]
    await until_asked(scorer, 2)
    urgent = asyncio.create_task(coalesced.score(work(model, pairs(1000))))
    await until_asked(scorer, 3)
    assert [pair.token_ids[0] for pair in scorer.requests[2]] == [1000]
    scorer.gate.set()
    assert [len((await one).logits) for one in (*batch, urgent)] == [8, 8, 1], "the others followed"


async def test_batch_work_whose_turn_does_not_come_is_late_and_holds_no_turn(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model)
    scorer.gate = asyncio.Event()
    late = await coalesced.score(work(model, pairs(*range(16)), seconds=0.01, priority=Priority.BATCH))
    assert (len(scorer.requests), {fault.reason for fault in late.faults}) == (2, {"DEADLINE_TOO_SHORT"})
    assert admission.in_flight == 0
    scorer.gate.set()
    assert len((await coalesced.score(work(model, pairs(*range(16)), priority=Priority.BATCH))).logits) == 16


async def test_admission_refuses_by_tokens_and_frees_them_afterwards(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model, max_tokens=30)
    scorer.gate = asyncio.Event()
    running = asyncio.create_task(coalesced.score(work(model, pairs(1, 2, 3, 4, 5))))
    await until_asked(scorer, 1)
    assert admission.in_flight == 25
    with pytest.raises(Overloaded, match="25 tokens are in flight and 10 more were asked for; at most 30"):
        await coalesced.score(work(model, pairs(6, 7)))
    scorer.gate.set()
    await running
    assert admission.in_flight == 0


async def test_what_a_chunk_scored_is_no_longer_in_flight_while_its_list_goes_on(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model)
    scorer.slow_from_tokens = 9
    running = asyncio.create_task(coalesced.score(work(model, {**pairs(1, 2), **pairs(3, length=9)})))
    async with asyncio.timeout(10):
        while admission.in_flight != 9:
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert admission.in_flight == 0


async def test_an_interactive_call_does_not_wait_for_pairs_of_batch_work(model: ServedModel) -> None:
    """The defect this guards against: who shared pairs with batch work waited for its turn, strangers did not."""
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    batch = asyncio.create_task(coalesced.score(work(model, pairs(*range(16)), priority=Priority.BATCH)))
    await until_asked(scorer, 2)
    urgent = asyncio.create_task(coalesced.score(work(model, pairs(15))))
    await until_asked(scorer, 3)
    assert [pair.token_ids[0] for pair in scorer.requests[2]] == [15]
    scorer.gate.set()
    assert (await urgent).coalesced == 0
    assert len((await batch).logits) == 16


async def test_batch_work_shares_with_whoever_computes_its_pairs(model: ServedModel) -> None:
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    first = asyncio.create_task(coalesced.score(work(model, pairs(1))))
    await until_asked(scorer, 1)
    others = [asyncio.create_task(coalesced.score(work(model, pairs(1, 2), priority=Priority.BATCH))) for _ in range(2)]
    await until_asked(scorer, 2)
    scorer.gate.set()
    await first
    assert sorted([(await one).coalesced for one in others]) == [1, 2]
    assert len(scorer.requests) == 2


async def test_after_a_leader_that_gave_up_one_follower_leads_and_the_others_share_with_it(model: ServedModel) -> None:
    """The defect this guards against: each of twenty followers computed the same pairs."""
    scorer, coalesced, admission = rig(model)
    scorer.gate = asyncio.Event()
    leader = asyncio.create_task(coalesced.score(work(model, pairs(1, 2))))
    await until_asked(scorer, 1)
    followers = [asyncio.create_task(coalesced.score(work(model, pairs(1, 2)))) for _ in range(20)]
    await asyncio.sleep(0)
    leader.cancel()
    await until_asked(scorer, 2)
    assert admission.in_flight == 10
    scorer.gate.set()
    outcomes = await asyncio.gather(*followers)
    assert len(scorer.requests) == 2
    assert sorted(one.coalesced for one in outcomes) == [0] + [2] * 19
    assert all(set(one.logits) == {b"1", b"2"} for one in outcomes)
    await asyncio.gather(leader, return_exceptions=True)
    assert admission.in_flight == 0


async def test_a_follower_leads_while_the_time_that_it_has_is_enough_for_a_scoring(model: ServedModel) -> None:
    """The defect this guards against: it waited to the end for a leader that had less time than the model needed."""
    scorer, coalesced, _ = rig(model)
    now, scorer.gate = [0.0], asyncio.Event()
    slow = asyncio.create_task(
        coalesced.score(ScoringWork(model, pairs(9), Priority.INTERACTIVE, Budget(3600, clock=lambda: now[0])))
    )
    await until_asked(scorer, 1)
    now[0] = 100.0
    scorer.gate.set()
    await slow
    scorer.gate = asyncio.Event()
    leader = asyncio.create_task(coalesced.score(work(model, pairs(1), seconds=3600)))
    await until_asked(scorer, 2)
    followers = [asyncio.create_task(coalesced.score(work(model, pairs(1), seconds=125.01))) for _ in range(3)]
    await until_asked(scorer, 3)
    scorer.gate.set()
    assert [set((await one).logits) for one in (leader, *followers)] == [{b"1"}] * 4
    assert len(scorer.requests) == 3


async def test_a_follower_whose_time_ends_says_so(model: ServedModel) -> None:
    scorer, coalesced, _ = rig(model)
    scorer.gate = asyncio.Event()
    leader = asyncio.create_task(coalesced.score(work(model, pairs(1))))
    await until_asked(scorer, 1)
    late = await coalesced.score(work(model, pairs(1), seconds=0.01))
    assert late.logits == {}
    assert {fault.reason for fault in late.faults} == {"DEADLINE_TOO_SHORT"}
    scorer.gate.set()
    assert len((await leader).logits) == 1


async def test_a_follower_that_admission_refuses_keeps_what_it_has_and_says_why(model: ServedModel) -> None:
    scorer, coalesced, admission = rig(model, max_tokens=10)
    scorer.gate = asyncio.Event()
    leader = asyncio.create_task(coalesced.score(work(model, pairs(1))))
    await until_asked(scorer, 1)
    follower = asyncio.create_task(coalesced.score(work(model, pairs(1, 2))))
    await until_asked(scorer, 2)
    admission.change(10)
    leader.cancel()
    scorer.gate.set()
    outcome = await follower
    assert set(outcome.logits) == {b"2"}
    assert [fault.reason for fault in outcome.faults] == ["OVERLOADED"]
    await asyncio.gather(leader, return_exceptions=True)
