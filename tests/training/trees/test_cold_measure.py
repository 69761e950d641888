"""Orders measured on hidden items: an order that buries them gains nothing there and loses nothing on warm lists."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gateway.domain.progress import Advance
from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from tests.training.synthetic import synthetic_tables
from training.protocol.cold import ColdProtocol
from training.trees.cold_measure import measure_cold
from training.trees.own import OwnRanker, own_protocol
from training.trees.own_lists import OwnOptions

TABLES = synthetic_tables(users=30)
GENRES = np.eye(4, dtype=np.float32)[np.arange(len(TABLES.items)) % 4]


@contextmanager
def nothing(title: str, count: int | None) -> Iterator[Advance]:
    yield lambda _: None


def weighed(**weights: float) -> Fusion:
    return Fusion(LinearFusion(tuple(FusionTerm(name, weight) for name, weight in weights.items())))


def test_an_order_that_buries_hidden_items_is_told_from_one_that_does_not() -> None:
    cold = ColdProtocol(TABLES, own_protocol(TABLES))
    ranker = OwnRanker(cold.known, GENRES, nothing, options=OwnOptions(depth=10))
    orders = {
        "buried": weighed(first_stage=1.0, cold=-9.0),
        "first": weighed(first_stage=1.0, cold=9.0),
    }
    found = measure_cold(cold, ranker, orders)
    assert found["buried"].hidden < found["first"].hidden
    assert found["buried"].warm == found["first"].warm > 0
    assert found["first"].all_targets > 0


def test_where_nobody_liked_a_hidden_item_nothing_is_measured() -> None:
    cold = ColdProtocol(TABLES, own_protocol(TABLES), share=0.0)
    ranker = OwnRanker(cold.known, GENRES, nothing, options=OwnOptions(depth=10))
    assert measure_cold(cold, ranker, {"first": weighed(first_stage=1.0)}) == {}
