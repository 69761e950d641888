"""Real pairs to load a model with: what the gateway scores for real users. Must not send them to Triton."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clients.load.perf_analyzer.list_inputs import ListRequest
from crossrank_client import CandidateOptions, CrossrankClient, RankingOptions, User
from deploy.local.errors import LocalStackError
from gateway.domain.budget import Budget
from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields
from gateway.ranker.features import HISTORY_EVENTS
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database

STEP_S = 10.0
_CONNECTIONS = 2
# A fixed order that is not the order of ids, so that every run loads the same mix of users.
_USERS = "SELECT user_id FROM interactions WHERE weight > 0 GROUP BY user_id ORDER BY md5(user_id) LIMIT %s"


class NothingIndexed(LocalStackError):
    """The catalogue has no users to take requests from."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to take the sample from: a running stack and the encoding of the model that it serves."""

    gateway: str
    postgres_url: str
    model_folder: Path

    def open_encoder(self) -> PairEncoder:
        """The encoder of the newest version. Raises LocalStackError when there is no version."""
        versions = [int(folder.name) for folder in self.model_folder.glob("[0-9]*") if (folder / "encoding").is_dir()]
        if not versions:
            raise LocalStackError(f"no model version with an encoding in {self.model_folder}", remedy="export a model")
        return open_bundle(self.model_folder / str(max(versions)) / "encoding").encoder


async def sample_pairs(place: Place, *, users: int, candidates: int) -> list[list[EncodedPair]]:
    """For each user, the pairs of the context with every candidate that a recommendation fetches.

    Raises NothingIndexed.
    """
    async with database_of(place) as database:
        user_ids = await some_users(database, users)
        encoder = place.open_encoder()
        async with CrossrankClient(place.gateway, timeout_s=STEP_S) as client:
            item_ids = [await first_stage(client, user_id, candidates) for user_id in user_ids]
        texts = [
            await list_of(database, user_id, ids, HISTORY_EVENTS)
            for user_id, ids in zip(user_ids, item_ids, strict=True)
        ]
    return [_encoded(encoder, one) for one in texts]


@asynccontextmanager
async def database_of(place: Place) -> AsyncIterator[Database]:
    """The stack's database."""
    database = Database(place.postgres_url, _CONNECTIONS)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def some_users(database: Database, users: int) -> list[str]:
    """The same users every time. Raises NothingIndexed."""
    user_ids = [row[0] for row in await database.fetch(_USERS, [users], Budget(STEP_S))]
    if not user_ids:
        raise NothingIndexed("the catalogue is empty", remedy="crossrank index --dataset movielens-100k")
    return user_ids


async def first_stage(client: CrossrankClient, user_id: str, candidates: int) -> list[str]:
    """The ids that a recommendation would score; their scores are not waited for."""
    options, limit = RankingOptions(top_n=candidates), CandidateOptions(limit=candidates)
    async for answer in client.recommend_stream(User(user_id), candidates=limit, options=options):
        return [item.item_id for item in answer.ranked.items]
    return []


async def list_of(database: Database, user_id: str, item_ids: Sequence[str], events: int) -> ListRequest:
    """The texts of the user's last ``events`` and of the items, as far as the catalogue has them."""
    recent = await PostgresHistoryStore(database).recent(user_id, events, Budget(STEP_S))
    history = [event.item_id for event in recent]
    items = await PostgresItemStore(database).get([*history, *item_ids], Budget(STEP_S))
    return ListRequest(
        [items[item_id].fields for item_id in history if item_id in items],
        [items[item_id].fields for item_id in item_ids if item_id in items],
    )


def _encoded(encoder: PairEncoder, texts: ListRequest) -> list[EncodedPair]:
    context = encoder.encode_context(ContextFields(history=texts.history))
    return [encoder.join(context, encoder.encode_item(fields)) for fields in texts.items]
