"""Test lists in which items stand that nobody has liked yet, as the sources propose them now, and the same users' lists
without places for such items. Knows no way of fitting and no metric."""

from dataclasses import dataclass, replace

from training.lists.candidate_list import CandidateList
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Phase
from training.ranker.table import ScoredList
from training.trees.own_lists import OwnLists


@dataclass(frozen=True, slots=True)
class ColdList:
    """One user. ``proposed``: by the sources; ``whole``: the same for a ranker, its targets also those that are hidden;
    ``without``: what the sources propose where no place is kept; ``hidden``: hidden items that the user liked next, in
    a list or not."""

    proposed: CandidateList
    whole: ScoredList
    without: ScoredList
    hidden: frozenset[str]


def cold_lists(cold: ColdProtocol, own: OwnLists) -> list[ColdList]:
    """Of the test users. ``own`` knows ``cold.known`` and nothing else."""
    test, targets = own.fold(Phase.TEST), cold.targets(own.dataset.protocol)
    without = replace(own, options=replace(own.options, cold_places=0.0)).fold(Phase.TEST)
    return [
        ColdList(
            proposed,
            whole=replace(whole, targets=whole.targets | targets[whole.user_id]),
            without=replace(other, targets=other.targets | targets[other.user_id]),
            hidden=targets[whole.user_id],
        )
        for proposed, whole, other in zip(test.lists, test.scored, without.scored, strict=True)
    ]
