"""Tables of folds: the same however many processes made them, and honest where there is nothing to learn."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.training.trees.test_own import START, readers_of_series
from tests.training.trees.test_own_lists import lists_of
from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import RunIncomplete
from training.protocol.dataset import Dataset, Phase
from training.trees import own_tables
from training.trees.own import own_protocol
from training.trees.own_lists import OwnLists
from training.trees.own_tables import fold_table, fold_tables

NAMES = ["relation_sum:follows", "share:*", "cold"]
FOLDS = [1, 2, int(Phase.TEST)]


def test_processes_make_the_same_tables_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = lists_of(readers_of_series(30, series=10))
    alone = list(fold_tables(lists, dict.fromkeys(FOLDS, NAMES)))
    monkeypatch.setattr(own_tables, "FEW_LISTS", 0)
    for one, other in zip(alone, fold_tables(lists, dict.fromkeys(FOLDS, NAMES)), strict=True):
        assert one.table is not None
        assert other.table is not None
        assert one.table.users == other.table.users
        assert np.array_equal(one.table.matrix, other.table.matrix, equal_nan=True)
        assert {name: gains.tolist() for name, gains in one.first_stages.items()} == {
            name: gains.tolist() for name, gains in other.first_stages.items()
        }


def test_first_stages_are_measured_on_all_lists_and_the_table_has_those_with_candidates() -> None:
    found = fold_table(lists_of(readers_of_series(30, series=10)), Phase.TEST, NAMES)
    assert found.table is not None
    assert {len(gains) for gains in found.first_stages.values()} == {len(found.listed)} == {30}
    assert sum(found.listed) == len(found.table.sizes)


def test_lists_that_hold_no_target_have_no_table_and_a_reason() -> None:
    rows = [
        InteractionRow(f"u{user}", f"u{user}i{step}", "read", 1.0, START + timedelta(minutes=step))
        for user in range(12)
        for step in range(5)
    ]
    tables = Tables([ItemRow(row.item_id, {"title": row.item_id}) for row in rows], rows)
    lists = OwnLists(Dataset(tables, own_protocol(tables)), np.zeros((len(rows), 4), np.float32))
    found = fold_table(lists, Phase.TEST, NAMES)
    assert found.table is None
    assert found.missing == "no candidate list holds a target"
    assert all(len(gains) == 12 and not gains.any() for gains in found.first_stages.values())


def ended(file: Path) -> None:
    raise OSError(file)


def test_a_process_that_ends_at_its_start_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_tables, "FEW_LISTS", 0)
    monkeypatch.setattr(own_tables, "_begin", ended)
    with pytest.raises(RunIncomplete, match="ended before its work was done; free memory"):
        list(fold_tables(lists_of(readers_of_series(30, series=10)), dict.fromkeys(FOLDS, NAMES)))
