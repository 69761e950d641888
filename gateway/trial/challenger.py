"""What is on trial: a model version, or a ranker. Knows a pipeline, not what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.order import Orderer
from gateway.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Challenger:
    """``pipeline`` answers as the champion's would with the challenger in it; ``orderer`` names that. ``ready``: a
    model gave right answers a moment ago, a ranker was found."""

    pipeline: Pipeline
    orderer: Callable[[], Orderer]
    ready: Callable[[], bool]
