"""Nouns of a trial: how far a challenger's list is from the champion's. Knows no model and no store."""

from dataclasses import dataclass
from enum import Enum

from gateway.domain.values import ModelIdentity

TOP = 10
"""Depth of the overlap: what users look at."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Challenger minus champion over the items of a list: the mean, and the 95th percentile of the absolute value."""

    mean: float
    p95: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two orders of the same ``items`` are: Kendall tau in [-1, 1], shared part of the first ``TOP`` in
    [0, 1], and how the fused scores and the logits moved."""

    items: int
    kendall_tau: float
    top_overlap: float
    score: Shift
    logit: Shift


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request under both models. Seconds are those of the stage ``score``; the champion's are None where a part of
    its list came from a cache or another request, for the challenger's never does."""

    champion: ModelIdentity
    challenger: ModelIdentity
    agreement: Agreement
    champion_s: float | None
    challenger_s: float


class Outcome(Enum):
    """How the comparison of one request ended; all but the first are losses."""

    COMPARED = "compared"
    BUSY = "busy"
    DEADLINE = "deadline"
    UNAVAILABLE = "unavailable"
    UNSCORED = "unscored"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Loss:
    """A request that was drawn and could not be compared."""

    champion: ModelIdentity
    challenger: ModelIdentity
    outcome: Outcome
