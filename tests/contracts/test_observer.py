"""The contract of every Observer: each stage and each list is counted once, whatever the list lacks."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from gateway.domain.values import Degradation, ModelIdentity, RankedList, Reason, ScoredItem
from gateway.ports import Observer
from gateway.telemetry.metrics import Metrics
from tests.fakes.observers import SeenLists

MODEL = ModelIdentity("m", "1", "f")
LISTS = [
    RankedList((), MODEL, "empty"),
    RankedList((ScoredItem("a", 1, 1, 0.5, 0.6, truncated=True),), MODEL, "whole", candidate_count=1, scored_count=1),
    RankedList((ScoredItem("a", 1, 1, None, None, score_invalid=True),), MODEL, "invalid", candidate_count=1),
    RankedList((), MODEL, "degraded", degraded=tuple(Degradation(reason, "why") for reason in Reason)),
]


@dataclass(frozen=True)
class Observed:
    """An observer, and what it counted: a stage's ends, and lists."""

    observer: Observer
    stages: Callable[[str], float]
    lists: Callable[[], float]


def _remembered() -> Observed:
    seen = SeenLists()
    return Observed(seen, seen.stages.count, lambda: len(seen.answers))


def _metrics() -> Observed:
    registry = CollectorRegistry()

    def stages(stage: str) -> float:
        return registry.get_sample_value("crossrank_stage_seconds_count", {"stage": stage}) or 0.0

    return Observed(Metrics(registry), stages, lambda: registry.get_sample_value("crossrank_lists_total") or 0.0)


@pytest.fixture(params=[_remembered, _metrics], ids=["remembered", "metrics"])
def observed(request: pytest.FixtureRequest) -> Observed:
    made: Observed = request.param()
    return made


def test_every_end_of_a_stage_counts_once(observed: Observed) -> None:
    for stage in ("score", "score", "rank"):
        observed.observer.stage_ended(stage, 0.01)
    assert [observed.stages(stage) for stage in ("score", "rank", "render")] == [2, 1, 0]


def test_every_list_counts_once_whatever_it_lacks(observed: Observed) -> None:
    for ranked in LISTS:
        observed.observer.list_answered(ranked)
    assert observed.lists() == len(LISTS)
