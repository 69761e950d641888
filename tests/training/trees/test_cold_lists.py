"""Lists with hidden items: what the sources propose stands as it is, hidden items come behind it for their texts."""

import numpy as np
import pytest

from tests.training.synthetic import synthetic_tables
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Dataset, Phase
from training.trees.cold_dropout import READS
from training.trees.cold_lists import ColdList, cold_lists
from training.trees.own import own_protocol
from training.trees.own_lists import OwnLists, OwnOptions

TABLES = synthetic_tables(users=30)
GENRES = np.eye(4, dtype=np.float32)[np.arange(len(TABLES.items)) % 4]
COLD = ColdProtocol(TABLES)


@pytest.fixture(scope="module")
def own() -> OwnLists:
    return OwnLists(Dataset(COLD.known, own_protocol(COLD.known)), GENRES, OwnOptions(depth=10))


@pytest.fixture(scope="module")
def lists(own: OwnLists) -> list[ColdList]:
    return cold_lists(COLD, own)


def test_every_test_user_has_a_list_that_begins_with_what_the_sources_propose(
    own: OwnLists, lists: list[ColdList]
) -> None:
    assert [one.whole.user_id for one in lists] == [case.user_id for case in own.dataset.cases(Phase.TEST)]
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


def test_targets_of_the_longer_list_are_those_of_both_kinds(own: OwnLists, lists: list[ColdList]) -> None:
    hidden = COLD.targets(own.dataset.protocol)
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
