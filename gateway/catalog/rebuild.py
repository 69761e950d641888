"""Makes popularity, relations and signals of all items anew from the interactions. Knows nothing of how they are
read."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from psycopg import AsyncConnection

from gateway.catalog.relations import ItemRelations, RelationSettings, relate_items
from gateway.domain.budget import Budget
from gateway.domain.history import History
from gateway.ranker.signals import SPARSE
from gateway.store.pool import Database, Row
from gateway.store.signals import signal_row


@dataclass(frozen=True, slots=True)
class RebuildSettings:
    """Only interactions of weight above ``weight_above`` count."""

    weight_above: float = 0.0
    relations: RelationSettings = field(default_factory=RelationSettings)


@dataclass(frozen=True, slots=True)
class RelationCounts:
    """Items that somebody liked, and pairs of neighbours in all relations."""

    popular: int
    neighbors: int


_LIKED = """
    CREATE TEMPORARY TABLE liked ON COMMIT DROP AS
    SELECT user_id, item_id,
        row_number() OVER (PARTITION BY user_id ORDER BY max(time) DESC, max(sequence) DESC) AS recency
    FROM interactions JOIN items USING (item_id) WHERE weight > %s::float8 GROUP BY user_id, item_id
"""

_USERS = """
    CREATE TEMPORARY TABLE users_of ON COMMIT DROP AS
    SELECT item_id, count(*) AS users, (row_number() OVER (ORDER BY item_id) - 1)::int AS place
    FROM liked GROUP BY item_id
"""

_HISTORIES = """
    SELECT array_agg(place ORDER BY recency DESC) FROM liked JOIN users_of USING (item_id)
    GROUP BY user_id ORDER BY user_id
"""


# Whoever wrote a new item meanwhile has given it a popularity of 0.
_POPULARITY = """
    INSERT INTO item_popularity (item_id, users)
    SELECT item_id, coalesce(users_of.users, 0) FROM items LEFT JOIN users_of USING (item_id)
    ON CONFLICT (item_id) DO UPDATE SET users = excluded.users
"""


async def rebuild_relations(
    database: Database, budget: Budget, settings: RebuildSettings = RebuildSettings()
) -> RelationCounts:
    """Makes ``item_popularity``, ``item_relations`` and ``item_signals`` anew. Readers see the old rows until all new
    ones are there. Raises StoreUnavailable; then the old rows stay."""

    async def rebuild(connection: AsyncConnection[Row]) -> RelationCounts:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('crossrank.relations'))")
        await connection.execute("SET LOCAL work_mem = '128MB'")
        await connection.execute(_LIKED, [settings.weight_above])
        await connection.execute(_USERS)
        await connection.execute("ANALYZE liked, users_of")
        placed = await connection.execute("SELECT item_id FROM users_of ORDER BY place")
        item_ids = [item_id for (item_id,) in await placed.fetchall()]
        found = await connection.execute(_HISTORIES)
        histories = [History(oldest_first=tuple(row)) for (row,) in await found.fetchall()]
        relations = await asyncio.to_thread(relate_items, histories, len(item_ids), settings.relations)
        # Deleted row by row, not truncated: a truncation would lock out the readers.
        for table in ("item_popularity", "item_relations", "item_signals"):
            await connection.execute(f"DELETE FROM {table}")
        await connection.execute(_POPULARITY)
        await _copy_relations(connection, item_ids, relations)
        await _copy_signals(connection, item_ids, relations)
        await connection.execute(
            "INSERT INTO signals_version (version) VALUES (1)"
            " ON CONFLICT (only_row) DO UPDATE SET version = signals_version.version + 1"
        )
        return RelationCounts(len(item_ids), sum(int(matrix.nnz) for matrix in relations.sparse.values()))

    return await database.transact(rebuild, budget)


async def _copy_relations(connection: AsyncConnection[Row], item_ids: Sequence[str], relations: ItemRelations) -> None:
    statement = "COPY item_relations (item_id, relation, neighbor_ids, weights) FROM STDIN"
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in _relation_rows(item_ids, relations):
            await copy.write_row(row)


def _relation_rows(item_ids: Sequence[str], relations: ItemRelations) -> Iterator[tuple[object, ...]]:
    for place, item_id in enumerate(item_ids):
        for name in SPARSE:
            matrix = relations.sparse[name]
            span = slice(matrix.indptr[place], matrix.indptr[place + 1])
            others = [item_ids[other] for other in matrix.indices[span]]
            if others:
                yield item_id, name, others, matrix.data[span].tolist()


async def _copy_signals(connection: AsyncConnection[Row], item_ids: Sequence[str], relations: ItemRelations) -> None:
    statement = "COPY item_signals (item_id, neighbors, weights, smooth) FROM STDIN"
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for item_id, signals in relations.signals(item_ids, {}).items():
            await copy.write_row((item_id, *signal_row(signals)))
