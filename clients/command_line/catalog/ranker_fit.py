"""Fits a ranker to the catalogue that was indexed, from what the store holds, and keeps it there. Must not know files
or how progress is shown."""

import asyncio

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.progress import Progress
from gateway.ranker.default_trees import default_trees
from gateway.ranker.fitted import FittedRanker
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from training.data.tables import InteractionRow, ItemRow, Tables
from training.trees.own import OwnRanker

READ_S = 600.0

_ITEMS = "SELECT item_id, fields, vector_send(embedding) FROM items ORDER BY item_id"
_INTERACTIONS = """
    SELECT user_id, item_id, event, weight, time FROM interactions JOIN items USING (item_id) ORDER BY time, sequence
"""


async def newest_ranker(database: Database) -> FittedRanker | None:
    """That of the last fit; None where nothing was ever fitted. Raises StoreUnavailable, SpecInvalid."""
    rankers, budget = PostgresRankerStore(database), Budget(READ_S)
    version = await rankers.newest(budget)
    return await rankers.get(version, budget) if version else None


async def fit_ranker(database: Database, progress: Progress) -> FittedRanker:
    """The ranker, and what was measured of it. Raises StoreUnavailable."""
    with progress("reading what is stored", None):
        budget = Budget(READ_S)
        items = await database.fetch(_ITEMS, [], budget)
        interactions = await database.fetch(_INTERACTIONS, [], budget)
    tables = Tables(
        [ItemRow(item_id, fields) for item_id, fields, _ in items], [InteractionRow(*row) for row in interactions]
    )
    vectors = np.array([np.frombuffer(vector, ">f4", offset=4) for *_, vector in items], np.float32)
    ranker = await asyncio.to_thread(OwnRanker(tables, vectors, progress, default_trees()).fit)
    await PostgresRankerStore(database).keep(ranker, Budget(READ_S))
    return ranker
