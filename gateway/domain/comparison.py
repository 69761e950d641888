"""Nouns of a trial: how far a challenger's list is from the champion's, whatever orders either. Knows no store."""

from dataclasses import dataclass
from enum import Enum

from gateway.domain.order import Orderer

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
    [0, 1], and how the scores and the logits moved: None where a list has none, or they are of another kind."""

    items: int
    kendall_tau: float
    top_overlap: float
    score: Shift | None = None
    logit: Shift | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request under both. Seconds are those of scoring and ordering; the champion's are None where a part of its
    scores came from a cache or another request, for the challenger's never do."""

    champion: Orderer
    challenger: Orderer
    agreement: Agreement
    champion_s: float | None
    challenger_s: float


class Outcome(Enum):
    """How the comparison of one request ended. SAME: with and without the challenger the same orders the list, so that
    there is nothing to compare. All that follow are losses; UNSCORED: what was to order the list could not."""

    COMPARED = "compared"
    SAME = "same"
    BUSY = "busy"
    DEADLINE = "deadline"
    UNAVAILABLE = "unavailable"
    UNSCORED = "unscored"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Loss:
    """A request that was drawn and not compared. ``champion``: what was to order its list; ``challenger``: what is on
    trial."""

    champion: Orderer
    challenger: Orderer
    outcome: Outcome
