"""Hidden items leave no trace in what is fitted, and are targets only where they were liked later."""

from tests.training.synthetic import synthetic_tables
from training.data.tables import Tables
from training.options.protocol import Protocol
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Dataset, Phase

SHORT = Protocol(min_positives=4, held_out=1, min_history=1)


def test_a_tenth_of_the_items_is_hidden_and_keeps_only_its_text() -> None:
    tables = synthetic_tables(items=100, users=8)
    cold = ColdProtocol(tables)
    assert len(cold.hidden) == 10
    assert cold.known.items == tables.items
    kept = [row for row in tables.interactions if row.item_id not in cold.hidden]
    assert list(cold.known.interactions) == kept


def test_the_same_seed_hides_the_same_items_whatever_their_order() -> None:
    tables = synthetic_tables(items=100, users=8)
    turned = Tables(tables.items[::-1], tables.interactions)
    assert ColdProtocol(tables).hidden == ColdProtocol(turned).hidden
    assert ColdProtocol(tables).hidden != ColdProtocol(tables, seed=2).hidden


def test_targets_are_hidden_items_that_were_liked_after_what_a_test_list_may_know() -> None:
    tables = synthetic_tables(items=100, users=40)
    cold = ColdProtocol(tables)
    cases, targets = Dataset(cold.known, SHORT).cases(Phase.TEST), cold.targets(SHORT)
    assert set(targets) == {case.user_id for case in cases}
    for case in cases:
        liked = [(row.time, row.item_id) for row in tables.interactions if row.user_id == case.user_id and row.weight]
        begin = next(time for time, item_id in liked if item_id == case.targets[0])
        expected = {item_id for time, item_id in liked if time > begin and item_id in cold.hidden}
        assert targets[case.user_id] == expected
    assert any(targets.values())
    assert not all(targets.values())
