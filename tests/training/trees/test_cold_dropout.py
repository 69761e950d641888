"""Items of training lists that count as liked by nobody: who they are, who speaks for them, what is known of them."""

import numpy as np
import pytest

from gateway.catalog.relations import relate_items
from gateway.domain.history import History
from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FusionInput, feature_matrix
from gateway.ranker.signals import RELATIONS, ItemSignals
from training.first_stage.served_sources import served_sources
from training.ranker.table import ScoredList
from training.trees.cold_dropout import as_cold, cold_items, forgotten

IDS = [f"i{number}" for number in range(1_000)]


def liked(*places: int) -> History[int]:
    """Oldest first."""
    return History(oldest_first=places)


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


def test_nothing_speaks_for_forgotten_items_but_they_speak_for_others() -> None:
    relations = relate_items([liked(0, 1, 2), liked(1, 2, 0), liked(2, 0, 1), liked(3, 1)], 4)
    changed = forgotten(relations, np.array([1]))
    assert changed.users.tolist() == [3.0, 0.0, 3.0, 1.0]
    assert relations.users.tolist() == [3.0, 4.0, 3.0, 1.0], "what is known stays as it is"
    for name, matrix in changed.sparse.items():
        before, after = relations.sparse[name].toarray(), matrix.toarray()
        assert before[:, 1].any()
        assert not after[:, 1].any()
        assert (np.delete(after, 1, axis=1) == np.delete(before, 1, axis=1)).all(), name


def test_the_source_of_cold_items_proposes_forgotten_ones_and_no_others_do_but_the_one_that_reads() -> None:
    relations = forgotten(relate_items([liked(0, 1, 2), liked(1, 2, 0)], 3), np.array([1]))
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)
    scores = {source.name: source.score([liked(0)])[0].tolist() for source in served_sources(relations, vectors)}
    assert scores.pop("text_ann") == pytest.approx([1.0, 0.6, 0.0])
    assert scores.pop("cold_items") == pytest.approx([-np.inf, 0.6, -np.inf])
    assert {score[1] for score in scores.values()} == {0.0}


def test_of_a_cold_candidate_the_text_alone_is_relationsand_others_keep_everything() -> None:
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
