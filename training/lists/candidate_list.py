"""Candidate lists of users in one fold, with every source's rank and score. Knows no source and no model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.history import History
from gateway.domain.values import Candidate


@dataclass(frozen=True, slots=True)
class CandidateList:
    """One user in one fold: ``history`` (positives), ``targets`` (liked next, in the list or not) and
    ``candidates`` in first-stage order, each with the hit of every source, also beyond the depth that was fused.
    ``by_source``: what every source alone would propose, best first."""

    user_id: str
    history: History[str]
    targets: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    by_source: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
