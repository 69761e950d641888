"""Rows beside what is served: first stages fitted on what was known, for every test user."""

import pytest

from tests.training.synthetic import synthetic_tables
from training.first_stage import baselines
from training.first_stage.baselines import BASELINES, baseline_orders
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, Phase

DATASET = Dataset(synthetic_tables(), Protocol(min_positives=12, held_out=3))
OPTIONS = SourceOptions(factors=4, iterations=3, depth=20)


def test_every_test_user_has_an_order_of_each_baseline_without_what_was_met() -> None:
    orders = baseline_orders(DATASET, OPTIONS, lambda _: None)
    assert orders.keys() == set(DATASET.evaluated_users)
    for user_id, rows in orders.items():
        assert tuple(rows) == BASELINES
        seen = DATASET.case(user_id, Phase.TEST).seen
        assert all(items and not seen & set(items) for items in rows.values())


def test_a_catalogue_that_is_too_large_has_no_such_rows_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "MAX_ITEMS", 3)
    told: list[str] = []
    assert baseline_orders(DATASET, OPTIONS, told.append) == {}
    assert "no rows of als, bm25" in told[0]
