"""Feedback by what was to order lists, through a real PostgreSQL: which lists were liked, and how sure that is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.domain.order import Orderer, RequestKind
from gateway.domain.values import Context, Impression, Interaction, ModelIdentity, ScoredItem
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.version_feedback import VersionFeedback, feedback_by_version, ratio_interval
from tests.fakes.catalogues import film, indexed

ITEMS = ("a", "b", "c")
NOW = datetime.now(UTC)


class Log:
    """Shows lists of three items and takes what users do with them."""

    def __init__(self, database: Database) -> None:
        self._store = PostgresFeedbackStore(database)
        self._shown = 0
        self.kind = RequestKind.WARM

    async def show(self, version: str, user: str | None, liked: str = "", weight: float = 1.0) -> None:
        """One list; ``liked`` names its items that the user liked."""
        self._shown += 1
        token, model = f"t{self._shown}", ModelIdentity("cross_encoder", "1", "aa")
        kind, ordered_by = self.kind, Orderer("ranker", version)
        context = Context(user_id=user) if user else Context(query="space")
        items = [ScoredItem(item_id, rank, rank, 1.0, 0.7) for rank, item_id in enumerate(ITEMS, start=1)]
        shown = Impression(token, "r", context, model, items, (), kind, ordered_by)
        await self._store.record_impression(shown, Budget(30))
        acts = [
            Interaction(user or "anyone", item_id, "click", weight, NOW + timedelta(seconds=self._shown), token)
            for item_id in liked
        ]
        if acts:
            await self._store.record_interactions(acts, Budget(30))


@pytest.fixture
async def log(database: Database) -> Log:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in (*ITEMS, "z")], Budget(30))
    return Log(database)


async def feedback(database: Database) -> dict[str, VersionFeedback]:
    found = await feedback_by_version(database, 7, Budget(30))
    return {one.ordered_by.removeprefix("ranker:"): one for one in found}


async def test_lists_likes_and_subjects_are_counted_by_what_was_to_order(database: Database, log: Log) -> None:
    await log.show("1", "u1", liked="ab")
    await log.show("1", "u1")
    await log.show("1", "u2")
    await log.show("2", None, liked="c")
    await log.show("2", None)
    found = await feedback(database)
    first, second = found["1"], found["2"]
    assert (first.subjects, first.lists, first.liked, first.positives) == (2, 3, 1, 2)
    assert (second.subjects, second.lists, second.liked, second.positives) == (2, 2, 1, 1)
    assert (first.rate, second.rate) == pytest.approx((1 / 3, 1 / 2))


async def test_lists_of_one_kind_of_request_are_apart_from_those_of_another(database: Database, log: Log) -> None:
    await log.show("1", "u1", liked="a")
    log.kind = RequestKind.NEW_USER
    await log.show("1", "u2")
    found = await feedback_by_version(database, 7, Budget(30))
    assert [(one.kind, one.ordered_by, one.lists, one.liked) for one in found] == [
        ("warm", "ranker:1", 1, 1),
        ("new_user", "ranker:1", 1, 0),
    ]


async def test_dislikes_and_items_that_were_not_in_the_list_are_no_likes(database: Database, log: Log) -> None:
    await log.show("1", "u1", liked="a", weight=-1.0)
    await log.show("1", "u2", liked="z")
    assert (await feedback(database))["1"].liked == 0


async def test_lists_that_nothing_known_ordered_and_lists_of_long_ago_are_out(database: Database, log: Log) -> None:
    await log.show("", "u1", liked="a")
    await log.show("1", "u2", liked="a")
    await database.execute("UPDATE impressions SET time = now() - interval '8 days'", [], Budget(30))
    await log.show("2", "u3")
    assert list(await feedback(database)) == ["2"]


async def test_the_rate_lies_in_its_interval_also_at_the_ends(database: Database, log: Log) -> None:
    for number in range(12):
        await log.show("none", f"u{number}")
        await log.show("all", f"u{number}", liked="a")
        await log.show("half", f"u{number}", liked="a" if number % 2 else "")
    for one in (await feedback(database)).values():
        low, high = one.interval
        assert 0.0 <= low <= one.rate <= high <= 1.0
        assert high - low > 0.1, "twelve users are not much"


async def test_many_lists_of_one_user_tell_less_than_lists_of_many(database: Database, log: Log) -> None:
    """Users who always or never click: four times the lists of each is no new knowledge."""
    for number in range(16):
        for _ in range(4):
            await log.show("few", f"u{number}", liked="a" if number % 2 else "")
    for number in range(64):
        await log.show("many", f"v{number}", liked="a" if number % 2 else "")
    found = await feedback(database)
    widths = {version: one.interval[1] - one.interval[0] for version, one in found.items()}
    assert found["few"].lists == found["many"].lists == 64
    assert widths["few"] > 1.7 * widths["many"]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Checked on the sums themselves: users with rates of their own, 300 repetitions, seed 8."""
    draw, covered = np.random.default_rng(8), 0
    for _ in range(300):
        lists = draw.integers(1, 6, 120)
        liked = draw.binomial(lists, draw.beta(1.0, 3.0, 120))
        sums = (float((liked**2).sum()), float((liked * lists).sum()), float((lists**2).sum()))
        low, high = ratio_interval(120, int(lists.sum()), int(liked.sum()), sums)
        covered += low <= 0.25 <= high
    assert 0.91 < covered / 300 < 0.99
