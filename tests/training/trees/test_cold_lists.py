"""Lists with hidden items: those that the sources propose for their texts, at the places that are kept for them."""

import numpy as np
import pytest

from tests.training.synthetic import synthetic_tables
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Dataset, Phase
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


def test_every_test_user_has_the_list_that_the_sources_propose(own: OwnLists, lists: list[ColdList]) -> None:
    assert [one.whole.user_id for one in lists] == [case.user_id for case in own.dataset.cases(Phase.TEST)]
    for one in lists:
        assert list(one.whole.given.candidates) == list(one.proposed.candidates)
        assert len(one.proposed.candidates) == 10


def test_a_tenth_of_the_places_is_for_hidden_items_and_the_rest_stands_as_without(lists: list[ColdList]) -> None:
    for one in lists:
        proposed, without = (
            [item.item_id for item in given.candidates if item.item_id not in COLD.hidden]
            for given in (one.proposed, one.without.given)
        )
        assert proposed == without[: len(proposed)]
        nearest = one.proposed.by_source["cold_items"][:1]
        assert set(nearest) <= {item.item_id for item in one.proposed.candidates}
    assert any(COLD.hidden.intersection(one.proposed.by_source["cold_items"]) for one in lists)


def test_targets_of_a_list_are_those_of_both_kinds(own: OwnLists, lists: list[ColdList]) -> None:
    hidden = COLD.targets(own.dataset.protocol)
    assert any(one.hidden for one in lists)
    for one in lists:
        assert one.hidden == hidden[one.whole.user_id]
        assert one.whole.targets == one.without.targets == one.hidden | set(one.proposed.targets)
        assert not one.hidden.intersection(one.proposed.targets)


def test_nothing_but_its_text_is_known_of_a_hidden_item(lists: list[ColdList]) -> None:
    for one in lists:
        for item_id in COLD.hidden:
            assert not one.whole.given.popularity.get(item_id, 0.0)
            assert item_id not in {event.item_id for event in one.whole.given.history}
