"""A ranker of a team's own data: its trees serve where they were shown to know more, and where not, it says why."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gateway.domain.progress import Advance
from gateway.ranker.fitted import FittedRanker, parse_ranker
from tests.fakes.rankers import steps
from tests.training.first_stage.by_hand import hashed_vectors
from training.data.tables import InteractionRow, ItemRow, Tables
from training.options.protocol import Protocol
from training.trees.own import DENSE_USERS, OwnRanker, own_protocol
from training.trees.own import SPARSE as SPARSE_PROTOCOL
from training.trees.own_lists import OwnOptions

START = datetime(2000, 1, 1, tzinfo=UTC)
VOLUMES = 6


class Bar:
    """Progress as it was shown."""

    def __init__(self) -> None:
        self.expected = self.done = 0

    @contextmanager
    def __call__(self, title: str, total: int | None) -> Iterator[Advance]:
        self.expected += total or 0
        yield self._advance

    def _advance(self, count: int) -> None:
        self.done += count


def readers_of_series(users: int, series: int = 30) -> Tables:
    """Every user reads four series, each volume after the one before, in an order of the user's own."""
    draw = random.Random(1)
    items = [
        ItemRow(f"s{one}v{volume}", {"title": f"tale {one}", "series": f"tale {one}", "volume": str(volume)})
        for one in range(series)
        for volume in range(1, VOLUMES + 1)
    ]
    rows = []
    for user in range(users):
        read = dict.fromkeys(draw.sample(range(series), 4), 0)
        for step in range(12):
            one = draw.choice([one for one, volume in read.items() if volume < VOLUMES])
            read[one] += 1
            moment = START + timedelta(days=user, minutes=step)
            rows.append(InteractionRow(f"u{user}", f"s{one}v{read[one]}", "read", 1.0, moment))
    return Tables(items, rows)


def readers_of_anything(users: int, events: int = 8, items: int = 80) -> Tables:
    """Everybody reads at random."""
    draw = random.Random(1)
    catalogue = [ItemRow(f"i{number}", {"title": f"tale {number}"}) for number in range(items)]
    rows = [
        InteractionRow(f"u{user}", item.item_id, "read", 1.0, START + timedelta(days=user, minutes=step))
        for user in range(users)
        for step, item in enumerate(draw.sample(catalogue, events))
    ]
    return Tables(catalogue, rows)


def ranker_of(tables: Tables, progress: Bar | None = None, options: OwnOptions = OwnOptions()) -> OwnRanker:
    vectors = hashed_vectors([item.fields["title"] for item in tables.items])
    return OwnRanker(tables, vectors, progress or Bar(), options=options)


@pytest.fixture(scope="module")
def fitted() -> tuple[FittedRanker, Bar]:
    """Of readers of series."""
    bar = Bar()
    return ranker_of(readers_of_series(120), bar).fit(), bar


def test_where_succession_decides_own_trees_serve(fitted: tuple[FittedRanker, Bar]) -> None:
    ranker, _ = fitted
    verdict = ranker.verdict
    assert verdict.serves == "own", verdict
    assert verdict.users == 120
    assert "120 users tell little" in verdict.reason
    names = ["blend", "text_ann", "item_neighbors", "item_knn", "follows", "popular", "cold_items", "own"]
    assert [row.name for row in verdict.rows] == names
    own, base = (next(row for row in verdict.rows if row.name == name) for name in ("own", verdict.first_stage))
    assert own.ndcg > base.ndcg
    assert own.p < 0.05


def test_trees_that_serve_read_no_logit_and_survive_being_kept(fitted: tuple[FittedRanker, Bar]) -> None:
    ranker, _ = fitted
    assert ranker.trees is not None
    assert not ranker.trees.reads_logit
    assert {"relation_sum:follows", "sequel:series/volume", "cold"} <= set(ranker.trees.spec.features)
    read = parse_ranker(ranker.to_json())
    assert (read, read.version) == (ranker, ranker.version)


def test_progress_reaches_what_was_expected(fitted: tuple[FittedRanker, Bar]) -> None:
    _, bar = fitted
    assert bar.done == bar.expected > 0


def test_in_pure_noise_first_stage_order_serves_and_says_why() -> None:
    ranker = ranker_of(readers_of_anything(100)).fit()
    assert ranker.trees is None
    assert ranker.verdict.serves == "first_stage"
    assert "first-stage order (" in ranker.verdict.reason
    assert "100 users tell little" in ranker.verdict.reason
    assert [row.name for row in ranker.verdict.rows][:2] == ["blend", "text_ann"]


def test_of_three_users_nothing_can_be_measured() -> None:
    ranker = ranker_of(readers_of_series(3)).fit()
    assert ranker.trees is None
    assert ranker.verdict.serves == "first_stage"
    assert ranker.verdict.reason.startswith("nothing could be measured: 3 of 3 users have 4 positives or more")
    assert (ranker.verdict.users, ranker.verdict.rows) == (0, ())


def test_nobody_at_all_and_no_item_is_no_fault() -> None:
    empty = OwnRanker(Tables([], []), np.zeros((0, 384), np.float32), Bar()).fit()
    assert empty.verdict.reason.startswith("nothing could be measured: 0 of 0 users")


def test_trees_that_ship_are_measured_beside_the_own() -> None:
    tables = readers_of_anything(40)
    vectors = hashed_vectors([item.fields["title"] for item in tables.items])
    ranker = OwnRanker(tables, vectors, Bar(), steps("relation_sum:ease", 0.01)).fit()
    assert "default" in [row.name for row in ranker.verdict.rows]
    assert ranker.verdict.serves == "first_stage"


def test_the_same_tables_give_the_same_ranker() -> None:
    tables = readers_of_series(30, series=10)
    first, second = (ranker_of(tables, options=OwnOptions(lists=20)).fit() for _ in range(2))
    assert first.version == second.version


@pytest.mark.parametrize(("users", "protocol"), [(DENSE_USERS, Protocol()), (DENSE_USERS - 1, SPARSE_PROTOCOL)])
def test_more_of_each_user_is_held_out_where_there_is_more(users: int, protocol: Protocol) -> None:
    assert own_protocol(readers_of_anything(users, events=20)) == protocol
