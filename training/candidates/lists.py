"""Candidate lists of users in one fold, with every source's rank and score. Knows no source and no model."""

from dataclasses import dataclass

from gateway.domain import Candidate


@dataclass(frozen=True, slots=True)
class CandidateList:
    """One user in one fold: ``history`` (positives, oldest first), ``targets`` (liked next, in the list or not) and
    ``candidates`` in first-stage order, each with the hit of every source, also beyond the depth that was fused."""

    user_id: str
    history: tuple[str, ...]
    targets: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    def order_by(self, source: str) -> tuple[str, ...]:
        """Item ids of the candidates as one source ranks them; those that it does not know stay last."""
        ranks = {
            one.item_id: next((hit.rank for hit in one.hits if hit.source == source), None) for one in self.candidates
        }
        unknown = len(ranks) + max((rank or 0 for rank in ranks.values()), default=0)
        return tuple(sorted(ranks, key=lambda item_id: ranks[item_id] or unknown))
