"""A model server is used only after it proved to be the one described, and only while it keeps answering rightly."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import ModelOverloaded, ModelUnavailable
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.verification import Verification
from gateway.scoring.verified_model import open_verified
from tests.fakes.specs import small_bundle
from tests.gateway.scoring.verification_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "1")


async def test_nothing_is_scored_before_the_first_verification(rig: Rig) -> None:
    with pytest.raises(ModelUnavailable, match="not verified yet"):
        rig.scorer.current()
    assert not rig.endpoints.right_within(60)


async def test_after_verification_the_golden_pairs_score_as_recorded(rig: Rig) -> None:
    await rig.verification.verify_all()
    expected = [pair.logit for pair in rig.scorer.current().bundle.golden.pairs]
    assert await rig.score() == pytest.approx(expected, abs=1e-6)
    assert rig.endpoints.right_within(60)


async def test_another_fingerprint_on_the_server_is_refused(rig: Rig) -> None:
    for connection in rig.connections:
        connection.fingerprint = "of another export"
    await rig.verification.verify_all()
    with pytest.raises(ModelUnavailable, match="deploy gateway and model repository from one export"):
        rig.scorer.current()


async def test_wrong_logits_behind_the_right_fingerprint_are_refused(rig: Rig) -> None:
    for connection in rig.connections:
        connection.shift = 0.5
    await rig.verification.verify_all()
    with pytest.raises(ModelUnavailable, match="golden pair 0: logit"):
        rig.scorer.current()


async def test_an_endpoint_that_starts_to_answer_wrongly_is_ejected_and_comes_back_when_right(rig: Rig) -> None:
    await rig.verification.verify_all()
    rig.connections[0].shift = 0.5
    await rig.verification.verify_all()
    assert [endpoint.usable for endpoint in rig.endpoints.all] == [False, True]
    rig.connections[0].shift = 0.0
    await rig.verification.verify_all()
    assert [endpoint.usable for endpoint in rig.endpoints.all] == [True, True]


async def test_a_request_moves_to_the_other_endpoint_when_the_first_is_away(rig: Rig) -> None:
    await rig.verification.verify_all()
    rig.connections[0].fault = ModelUnavailable("worker died")
    expected = [pair.logit for pair in rig.scorer.current().bundle.golden.pairs]
    assert await rig.score() == pytest.approx(expected, abs=1e-6)
    assert not rig.endpoints.all[0].usable


async def test_an_ejected_endpoint_is_proved_after_the_calls_under_way_ended(rig: Rig) -> None:
    """A dead instance that is busy failing one of them would leave the golden pairs to those that live."""
    await rig.verification.verify_all()
    (ejected, other), connection = rig.endpoints.all, rig.connections[0]
    connection.gate, before = asyncio.Event(), len(connection.inferences)
    under_way = asyncio.create_task(rig.score())
    while len(connection.inferences) == before:
        await asyncio.sleep(0)
    rig.endpoints.eject(ejected, "worker died")
    last_right_at = other.last_right_at
    await rig.verification.verify_all()
    assert (len(connection.inferences), ejected.usable) == (before + 1, False)
    assert other.last_right_at > last_right_at, "nobody else waits"
    connection.gate.set()
    await under_way
    await rig.verification.verify_all()
    assert ejected.usable


async def test_when_all_are_away_the_error_names_each_endpoint_and_the_version_stays_known(rig: Rig) -> None:
    await rig.verification.verify_all()
    for connection in rig.connections:
        connection.fault = ModelUnavailable("worker died")
    with pytest.raises(ModelUnavailable, match="worker died"):
        await rig.score()
    with pytest.raises(ModelUnavailable, match=r"triton-0: worker died.*triton-1: worker died"):
        await rig.score()
    assert rig.scorer.current().identity.version == "1"


async def test_a_full_queue_is_no_reason_to_eject_or_to_try_elsewhere(rig: Rig) -> None:
    await rig.verification.verify_all()
    before = sum(len(connection.inferences) for connection in rig.connections)
    for connection in rig.connections:
        connection.fault = ModelOverloaded("queue full")
    with pytest.raises(ModelOverloaded):
        await rig.score()
    assert sum(len(connection.inferences) for connection in rig.connections) == before + 1
    assert all(endpoint.usable for endpoint in rig.endpoints.all)


async def test_the_least_busy_endpoint_is_asked(rig: Rig) -> None:
    await rig.verification.verify_all()
    rig.endpoints.all[0].in_flight = 5
    asked = [len(connection.inferences) for connection in rig.connections]
    await rig.score()
    now = [len(connection.inferences) for connection in rig.connections]
    assert now == [asked[0], asked[1] + 1]


async def test_a_new_version_is_used_once_every_usable_endpoint_has_proved_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2")
    await rig.verification.verify_all()
    rig.connections[0].loaded = ["1", "2"]
    await rig.verification.verify_all()
    assert rig.scorer.current().identity.version == "1"
    rig.connections[1].loaded = ["1", "2"]
    await rig.verification.verify_all()
    assert rig.scorer.current().identity.version == "2"
    rig.connections[0].loaded = rig.connections[1].loaded = ["1"]
    await rig.verification.verify_all()
    assert rig.scorer.current().identity.version == "1", "rolled back"


async def test_a_version_on_trial_is_verified_for_itself_and_never_serves_as_the_champion(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2")
    for connection in rig.connections:
        connection.loaded = ["1", "2"]
    champion = rig.with_plan(never="2")
    challenger = rig.with_plan(only="2")
    for one in (champion, challenger):
        await one.verify_all()
    assert champion.current().identity.version == "1"
    assert challenger.current().identity.version == "2"
    for connection in rig.connections:
        connection.loaded = ["1", "2", "3"]
    small_bundle(tmp_path / "3")
    for one in (champion, challenger):
        await one.verify_all()
    assert champion.current().identity.version == "3", "promoted meanwhile"
    assert challenger.current().identity.version == "2"


async def test_a_challenger_may_have_a_server_of_its_own(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2")
    rig.connections[1].loaded = ["2"]
    async with (
        open_verified(rig.connections, replace(rig.plan, never="2")) as champion,
        open_verified(rig.connections, replace(rig.plan, only="2")) as challenger,
    ):
        assert [one.usable for one in champion.endpoints.all] == [True, False]
        assert [one.usable for one in challenger.endpoints.all] == [False, True]
        assert champion.scorer.current().identity.version == "1"
        assert challenger.scorer.current().identity.version == "2"


async def test_a_version_on_trial_that_is_not_loaded_is_named_before_and_after(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2")
    challenger = rig.with_plan(only="2")
    await challenger.verify_all()
    with pytest.raises(ModelUnavailable, match=r"no version 2 of 'cross_encoder' is loaded \(versions: 1\)"):
        challenger.current()
    assert (challenger.identity().version, challenger.identity().fingerprint) == ("2", "")
    for connection in rig.connections:
        connection.loaded = ["1", "2"]
    await challenger.verify_all()
    assert challenger.identity() == challenger.current().identity


async def test_faults_of_a_model_on_trial_eject_no_endpoint_of_the_champion(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2")
    await rig.verification.verify_all()
    async with open_verified(rig.connections, replace(rig.plan, only="2")) as challenger:
        with pytest.raises(ModelUnavailable):
            challenger.scorer.current()
        assert not any(endpoint.usable for endpoint in challenger.endpoints.all)
        assert all(endpoint.usable for endpoint in rig.endpoints.all)
        for connection in rig.connections:
            connection.loaded = ["1", "2"]
        async with asyncio.timeout(10):
            while not challenger.verification.identity().fingerprint:
                await asyncio.sleep(0)
        assert challenger.scorer.current().identity.version == "2"


async def test_an_endpoint_that_is_ejected_while_it_is_replayed_proves_itself_again_from_the_start(rig: Rig) -> None:
    await rig.verification.verify_all()
    gates = [asyncio.Event() for _ in rig.connections]
    for connection, gate in zip(rig.connections, gates, strict=True):
        connection.gate = gate
        connection.inferences.clear()
    replays = asyncio.create_task(rig.verification.verify_all())
    while not all(connection.inferences for connection in rig.connections):
        await asyncio.sleep(0)
    for endpoint in rig.endpoints.all:  # as when a caller's own inference fails meanwhile
        rig.endpoints.eject(endpoint, "socket closed")
    for gate in gates:
        gate.set()
    await replays
    assert not any(endpoint.usable for endpoint in rig.endpoints.all), "a replay of a few pairs is no proof"
    await rig.verification.verify_all()
    assert all(endpoint.usable and endpoint.verified == {"1"} for endpoint in rig.endpoints.all)
    assert await rig.score() == pytest.approx(
        [pair.logit for pair in rig.scorer.current().bundle.golden.pairs], abs=1e-6
    )


async def test_a_server_that_takes_smaller_requests_than_lists_are_cut_into_is_refused_with_the_remedy(
    rig: Rig,
) -> None:
    for connection in rig.connections:
        connection.max_batch_size = 31
    refused = Verification(Endpoints(rig.connections), replace(rig.plan, chunk_pairs=32))
    await refused.verify_all()
    with pytest.raises(
        ModelUnavailable, match=r"up to 32 pairs \(CROSSRANK_CHUNK_PAIRS\), and Triton takes at most 31"
    ):
        refused.current()
    for connection in rig.connections:
        connection.max_batch_size = 32
    await refused.verify_all()
    assert refused.current().identity.version == "1"
