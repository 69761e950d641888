"""Test lists that hold items which nobody has liked yet: what the sources propose and, behind it, the hidden items
nearest by text. Knows no way of fitting and no metric."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.candidates.text_ann import TextAnnSettings
from training.first_stage.cosine import Cosine
from training.lists.candidate_list import CandidateList
from training.lists.cold import with_cold
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Phase
from training.ranker.table import ScoredList
from training.trees.cold_dropout import READS
from training.trees.own_lists import OwnLists


@dataclass(frozen=True, slots=True)
class ColdList:
    """One user. ``proposed``: by the sources; ``warm``: the same for a ranker; ``whole``: with hidden items behind it,
    its targets those of both kinds; ``hidden``: hidden items that the user liked next, in the list or not."""

    proposed: CandidateList
    warm: ScoredList
    whole: ScoredList
    hidden: frozenset[str]


def cold_lists(cold: ColdProtocol, own: OwnLists) -> list[ColdList]:
    """Of the test users. ``own`` knows ``cold.known`` and nothing else."""
    test, targets = own.fold(Phase.TEST), cold.targets(own.dataset.protocol)
    longer = _with_hidden(cold, own, test.lists)
    return [
        ColdList(
            proposed,
            warm,
            replace(
                warm,
                given=replace(warm.given, candidates=whole.candidates),
                targets=warm.targets | targets[warm.user_id],
            ),
            targets[warm.user_id],
        )
        for proposed, warm, whole in zip(test.lists, test.scored, longer, strict=True)
    ]


def _with_hidden(cold: ColdProtocol, own: OwnLists, lists: Sequence[CandidateList]) -> list[CandidateList]:
    places = {item_id: place for place, item_id in enumerate(own.item_ids)}
    reader = Cosine(READS, own.vectors, TextAnnSettings().history_items, pool="mean")
    scores = reader.score([one.history.map(places.__getitem__) for one in lists])
    hidden = sorted(cold.hidden, key=places.__getitem__)
    return with_cold(lists, scores[:, [places[item_id] for item_id in hidden]], hidden, READS)
