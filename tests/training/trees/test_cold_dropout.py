"""Items of training lists that count as liked by nobody: who they are, who speaks for them, what is known of them."""

from collections.abc import Sequence

import numpy as np
import pytest

from gateway.domain.history import History
from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FusionInput, feature_matrix
from gateway.ranker.signals import RELATIONS, ItemSignals
from tests.training.histories import oldest_first
from training.first_stage.training_interactions import Scores
from training.lists.candidate_list import CandidateList
from training.protocol.dataset import UserCase
from training.ranker.table import ScoredList
from training.trees.cold_dropout import as_cold, cold_items, propose_cold, silenced

IDS = [f"i{number}" for number in range(1_000)]


class Says:
    """A source that says the same of every history."""

    def __init__(self, name: str, scores: list[float]) -> None:
        self.name = name
        self._scores = np.array(scores, np.float32)

    def score(self, histories: Sequence[History[int]]) -> Scores:
        return np.tile(self._scores, (len(histories), 1))


def known(seed: int) -> ItemSignals:
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(2, 2, 3)).astype(np.float32)
    return ItemSignals(smooth=vectors, embedding=draw.normal(size=4).astype(np.float32))


def test_a_tenth_of_the_items_is_cold_and_another_tenth_in_the_next_fold() -> None:
    first, second = cold_items(IDS, 1), cold_items(IDS, 2)
    assert len(first) == pytest.approx(100, abs=30)
    assert first != second
    assert cold_items(IDS[::-1], 1) == first
    assert not cold_items(IDS, 1, share=0.0)


def test_only_the_source_that_reads_speaks_of_cold_items() -> None:
    reads, counts = silenced([Says("text_ann", [1.0, 2.0]), Says("popular", [3.0, 4.0])], np.array([1]))
    assert reads.score([oldest_first()]).tolist() == [[1.0, 2.0]]
    assert (counts.name, counts.score([oldest_first()]).tolist()) == ("popular", [[3.0, 0.0]])


def test_the_nearest_cold_items_that_the_user_has_not_met_follow_the_list() -> None:
    one = CandidateList("u", oldest_first("b"), ("c",), (Candidate("a", 1, 0.5),))
    case = UserCase("u", oldest_first("b"), frozenset("d"), ("c",))
    reads = Says("text_ann", [0.9, 0.8, 0.3, 0.7, 0.5])
    (longer,) = propose_cold([one], [case], [reads], list("abcde"), {"b", "c", "d", "e"})
    assert [candidate.item_id for candidate in longer.candidates] == ["a", "e", "c"]
    assert propose_cold([one], [case], [reads], list("abcde"), ()) == [one]


def test_of_a_cold_candidate_the_text_alone_is_known_and_others_keep_everything() -> None:
    given = FusionInput(
        [Candidate("a", 1, 0.5), Candidate("b", 2, 0.4)],
        {},
        history=[HistoryEvent("c", {})],
        popularity={"a": 5.0, "b": 6.0, "z": 7.0},
        signals={name: known(seed) for seed, name in enumerate("abcz")},
    )
    changed = as_cold(ScoredList("u", given, frozenset()), {"b", "c"}).given
    names = [f"relation_sum:{relation}" for relation in RELATIONS]
    before, after = feature_matrix(names, given), feature_matrix(names, changed)
    assert after[0].tolist() == before[0].tolist()
    assert np.isnan(after[1, :-1]).all()
    assert after[1, -1] == before[1, -1]
    assert feature_matrix(["cold"], changed)[:, 0].tolist() == [0.0, 1.0]
    assert feature_matrix(["popularity"], changed)[:, 0].tolist() == [np.log1p(5.0), 0.0]


def test_a_list_without_cold_candidates_stays_as_it_is() -> None:
    one = ScoredList("u", FusionInput([Candidate("a", 1, 0.5)], {}, signals={"a": known(1)}), frozenset())
    assert as_cold(one, {"b"}) is one
