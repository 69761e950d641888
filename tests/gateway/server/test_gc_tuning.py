"""Looks for cyclic garbage are rare while the gateway serves, leave out what it keeps, and still find garbage."""

import gc
import weakref

import pytest

from deploy.local.parts.ports import LOOPBACK, free_port
from gateway import app
from gateway.server.gc_tuning import YOUNG_OBJECTS, tuned_gc
from gateway.settings import Settings


class _Knot:
    """Refers to itself, so that only a look for cycles frees it."""

    def __init__(self) -> None:
        self.itself = self


def _looks() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


def test_a_list_of_a_thousand_candidates_is_made_without_a_single_look() -> None:
    with tuned_gc():
        before = _looks()
        candidates = [[number] for number in range(10_000)]
        assert _looks() == before
    assert len(candidates) == 10_000


def test_what_exists_at_the_start_is_left_out_of_every_look() -> None:
    kept = _Knot()
    with tuned_gc():
        assert not any(one is kept for one in gc.get_objects())
        assert gc.get_freeze_count() > 0
    assert any(one is kept for one in gc.get_objects())


def test_garbage_is_found_once_enough_was_made() -> None:
    with tuned_gc():
        knot = weakref.ref(_Knot())
        held: list[list[int]] = [[] for _ in range(2 * YOUNG_OBJECTS)]
        assert knot() is None
    assert held


def test_python_looks_as_before_when_the_block_has_ended() -> None:
    before = gc.get_threshold()
    with tuned_gc():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


async def test_a_gateway_serves_with_rare_looks_and_with_all_its_parts_left_out(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []

    async def serve(services: object, _: object) -> None:
        seen.append((gc.get_threshold()[0], any(one is services for one in gc.get_objects())))

    monkeypatch.setattr(app, "serve", serve)
    await app.run(Settings(postgres_url=postgres, triton_urls=f"{LOOPBACK}:{free_port()}", metrics_listen=""))
    assert seen == [(YOUNG_OBJECTS, False)]
