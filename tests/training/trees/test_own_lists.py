"""Lists of a fold: as many as were asked for, and from nothing that is held out."""

from gateway.ranker.signals import SPARSE
from tests.training.first_stage.by_hand import hashed_vectors
from tests.training.trees.test_own import readers_of_series
from training.data.tables import Tables
from training.first_stage.training_interactions import known_in
from training.protocol.dataset import Dataset, Phase
from training.trees.cold_dropout import COLD_EVERY, cold_items
from training.trees.own import own_protocol
from training.trees.own_lists import OWN, OwnLists, OwnOptions


def lists_of(tables: Tables, options: OwnOptions = OWN) -> OwnLists:
    vectors = hashed_vectors([item.fields["title"] for item in tables.items])
    return OwnLists(Dataset(tables, own_protocol(tables)), vectors, options)


def test_no_more_lists_of_a_fold_are_made_than_were_asked_for() -> None:
    lists = lists_of(readers_of_series(60, series=10), options=OwnOptions(lists=20, depth=15))
    data = lists.fold(Phase.TEST)
    assert len(data.lists) == len(data.scored) == 20
    assert all(len(one.candidates) <= 15 for one in data.lists)
    assert [one.user_id for one in data.lists] == [one.user_id for one in data.scored]


def test_signals_of_a_fold_know_nothing_of_what_is_held_out() -> None:
    lists = lists_of(readers_of_series(40, series=10))
    (one, *_), known = lists.fold(Phase.TEST).scored, known_in(lists.dataset, Phase.TEST)
    signals = one.given.signals
    assert len(signals) == len(lists.dataset.items)
    places = {place for history in known.histories for place in history.oldest_first}
    for place, item in enumerate(lists.dataset.items):
        assert (signals[item.item_id].smooth is not None) == (place in places)
    assert next(iter(signals.values())).weights.shape[1] == len(SPARSE)


def test_every_second_list_to_fit_on_has_cold_items_and_the_others_are_as_they_are_served() -> None:
    lists = lists_of(readers_of_series(40, series=10))
    learned, served = lists.learned_fold(1), lists.fold(1)
    cold = cold_items(lists.item_ids, 1)
    proposed = [[one.item_id for one in made.candidates if one.item_id in cold] for made in learned.lists]
    assert any(proposed[::COLD_EVERY])
    for item_ids, one in zip(proposed[::COLD_EVERY], learned.scored[::COLD_EVERY], strict=True):
        assert all(one.given.popularity[item_id] == 0 for item_id in item_ids)
    assert learned.lists[1::COLD_EVERY] == served.lists[1::COLD_EVERY]
    assert learned.scored[1].given.popularity == served.scored[1].given.popularity


def test_first_stages_are_measured_where_no_item_is_cold() -> None:
    lists = lists_of(readers_of_series(40, series=10))
    learned = lists.learned_fold(1)
    assert learned.warm == lists.fold(1).lists
    assert learned.warm != learned.lists
