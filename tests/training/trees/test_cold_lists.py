"""Lists with hidden items: what the sources propose stands as it is, hidden items come behind it for their texts."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from gateway.domain.progress import Advance
from tests.training.synthetic import synthetic_tables
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Phase
from training.trees.cold_dropout import READS
from training.trees.cold_lists import ColdList, cold_lists
from training.trees.own import OwnOptions, OwnRanker

TABLES = synthetic_tables(users=30)
GENRES = np.eye(4, dtype=np.float32)[np.arange(len(TABLES.items)) % 4]
COLD = ColdProtocol(TABLES)


@contextmanager
def nothing(title: str, count: int | None) -> Iterator[Advance]:
    yield lambda _: None


@pytest.fixture(scope="module")
def ranker() -> OwnRanker:
    return OwnRanker(COLD.known, GENRES, nothing, options=OwnOptions(depth=10))


@pytest.fixture(scope="module")
def lists(ranker: OwnRanker) -> list[ColdList]:
    return cold_lists(COLD, ranker)


def test_every_test_user_has_a_list_that_begins_with_what_the_sources_propose(
    ranker: OwnRanker, lists: list[ColdList]
) -> None:
    assert [one.whole.user_id for one in lists] == [case.user_id for case in ranker.dataset.cases(Phase.TEST)]
    for one in lists:
        proposed = list(one.proposed.candidates)
        assert list(one.warm.given.candidates) == proposed
        assert list(one.whole.given.candidates[: len(proposed)]) == proposed


def test_behind_it_stand_hidden_items_only_which_the_text_alone_proposes(lists: list[ColdList]) -> None:
    for one in lists:
        behind = one.whole.given.candidates[len(one.proposed.candidates) :]
        assert behind
        assert COLD.hidden.issuperset(candidate.item_id for candidate in behind)
        assert {hit.source for candidate in behind for hit in candidate.hits} == {READS}


def test_targets_of_the_longer_list_are_those_of_both_kinds(ranker: OwnRanker, lists: list[ColdList]) -> None:
    hidden = COLD.targets(ranker.dataset.protocol)
    assert any(one.hidden for one in lists)
    for one in lists:
        assert one.hidden == hidden[one.whole.user_id]
        assert one.whole.targets == one.hidden | set(one.proposed.targets)
        assert not one.hidden & one.warm.targets


def test_nothing_but_its_text_is_known_of_a_hidden_item(lists: list[ColdList]) -> None:
    for one in lists:
        for item_id in COLD.hidden:
            assert not one.whole.given.popularity.get(item_id, 0.0)
            assert item_id not in {event.item_id for event in one.whole.given.history}
