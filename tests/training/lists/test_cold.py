"""Items that nobody has liked stand behind a list, nearest first, with the one source that proposes them."""

import numpy as np

from gateway.domain.values import Candidate, SourceHit
from tests.training.histories import oldest_first
from training.lists.candidate_list import CandidateList
from training.lists.cold import with_cold

LISTS = [
    CandidateList("u", oldest_first("h"), ("c",), (Candidate("a", 1, 0.2), Candidate("b", 2, 0.1))),
    CandidateList("v", oldest_first("h"), ("a",), ()),
]
SCORES = np.array([[0.1, 0.9, 0.5], [0.4, -np.inf, 0.2]], np.float32)


def test_the_nearest_hidden_items_follow_the_list_with_rank_and_score_of_their_source() -> None:
    longer, alone = with_cold(LISTS, SCORES, ["x", "y", "z"], "text_ann", count=2)
    assert longer.candidates[:2] == LISTS[0].candidates
    hits = (SourceHit("text_ann", 1, float(SCORES[0, 1])), SourceHit("text_ann", 2, 0.5))
    assert longer.candidates[2:] == (Candidate("y", 3, 0.0, hits[:1]), Candidate("z", 4, 0.0, hits[1:]))
    assert [one.item_id for one in alone.candidates] == ["x", "z"]


def test_what_the_list_has_or_may_not_propose_is_not_added() -> None:
    longer, alone = with_cold(LISTS, SCORES, ["x", "a", "z"], "text_ann")
    assert [one.item_id for one in longer.candidates] == ["a", "b", "z", "x"]
    assert [one.item_id for one in alone.candidates] == ["x", "z"]
