"""A stack that serves lists without a server: popular candidates, logits that know the targets a little, ranked by the
fused score of the version that it is given."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.encoding.bundle import open_bundle
from tests.training.popular_lists import popular_lists
from training.evaluation.offline_lists import ranked_by
from training.lists.candidate_list import CandidateList
from training.lists.served import BLEND, ServedList
from training.protocol.dataset import Dataset, Phase, UserCase
from training.ranker.lists import scored_lists


@dataclass
class ScriptedStack:
    """``asked``: the phases that were served."""

    depth: int = 30
    fit: bool = False
    asked: list[Phase] = field(default_factory=list)

    def serve(self, repository: Path, dataset: Dataset, phase: Phase, cases: Sequence[UserCase]) -> list[ServedList]:
        """Lists of the cases, in order."""
        self.asked.append(phase)
        found = {one.user_id: one for one in popular_lists(dataset, phase, self.depth)}
        served = [_served(found[case.user_id]) for case in cases]
        [version] = (repository / "cross_encoder").glob("[0-9]*")
        fusion = open_bundle(version / "encoding").fusion
        return ranked_by(fusion, served, scored_lists(served, dataset, phase))


def _served(one: CandidateList) -> ServedList:
    draw = random.Random(one.user_id)
    logits = tuple(draw.gauss() + 2 * (candidate.item_id in one.targets) for candidate in one.candidates)
    blend = tuple(candidate.item_id for candidate in one.candidates)
    return ServedList(one.user_id, one.targets, {**one.by_source, BLEND: blend}, one.candidates, logits, blend)
