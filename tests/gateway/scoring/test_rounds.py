"""Rounds go on whatever happens; a server that is silent is told from one that is busy."""

import asyncio
from pathlib import Path

import pytest

from gateway.domain.errors import DeadlineTooShort
from tests.gateway.scoring.verification_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, "1")


async def test_a_connection_that_swallows_everything_is_left_for_a_fresh_one(rig: Rig) -> None:
    await rig.verification.verify_all()
    for endpoint, connection in zip(rig.endpoints.all, rig.connections, strict=True):
        connection.black_hole = True
        endpoint.last_answer_at = endpoint.last_right_at = -100.0
    await rig.verification.verify_all()
    assert not any(endpoint.usable for endpoint in rig.endpoints.all)
    await rig.verification.verify_all()
    assert all(endpoint.usable for endpoint in rig.endpoints.all)
    assert [connection.reconnects for connection in rig.connections] == [1, 1]


async def test_a_probe_that_is_late_while_others_are_answered_leaves_the_connection_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.verification.verify_all()
    endpoint, connection = rig.endpoints.all[0], rig.connections[0]

    async def late(model: str, timeout_s: float) -> list[str]:
        await asyncio.sleep(0.001)
        endpoint.last_answer_at = rig.endpoints.clock()
        raise DeadlineTooShort("probe timed out")

    monkeypatch.setattr(connection, "versions", late)
    await rig.verification.verify_all()
    assert endpoint.usable
    assert connection.reconnects == 0


async def test_an_ejection_wakes_the_rounds_and_the_endpoint_is_verified_again(rig: Rig) -> None:
    task = asyncio.create_task(rig.verification.run())
    try:
        async with asyncio.timeout(10):
            while not all(endpoint.usable for endpoint in rig.endpoints.all):
                await asyncio.sleep(0)
            rig.endpoints.eject(rig.endpoints.all[0], "told to")
            assert not rig.endpoints.all[0].usable
            while not rig.endpoints.all[0].usable:
                await asyncio.sleep(0)
    finally:
        task.cancel()


async def test_a_round_that_fails_in_an_unforeseen_way_does_not_end_the_rounds(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = 0

    async def explode_once() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise ZeroDivisionError

    monkeypatch.setattr(rig.verification, "verify_all", explode_once)
    task = asyncio.create_task(rig.verification.run())
    try:
        async with asyncio.timeout(10):
            while rounds < 3:
                await asyncio.sleep(0)
    finally:
        task.cancel()


async def test_a_late_probe_ejects_only_a_server_that_has_answered_nobody_for_long(rig: Rig) -> None:
    await rig.verification.verify_all()
    for connection in rig.connections:
        connection.fault = DeadlineTooShort("probe timed out")
    rig.endpoints.all[1].last_right_at -= 6
    rig.endpoints.all[1].last_answer_at -= 6
    await rig.verification.verify_all()
    assert [endpoint.usable for endpoint in rig.endpoints.all] == [True, False]
