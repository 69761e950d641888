"""A rebuild of interactions, and what it left in PostgreSQL."""

from collections.abc import Mapping, Sequence

from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import RebuildSettings, RelationCounts, rebuild_relations
from gateway.domain.budget import Budget
from gateway.domain.values import Interaction
from gateway.ranker.signals import ItemSignals
from gateway.store.pool import Database
from gateway.store.signals import PostgresSignalStore
from tests.gateway.catalog.reference import IDS

BUDGET_S = 60.0


async def built(
    database: Database, interactions: Sequence[Interaction], settings: RebuildSettings = RebuildSettings()
) -> RelationCounts:
    await load_interactions(database, interactions, lambda _: None)
    return await rebuild_relations(database, Budget(BUDGET_S), settings)


async def stored_weights(database: Database, relation: str = "ease") -> dict[str, dict[str, float]]:
    query = "SELECT item_id, neighbor_ids, weights FROM item_relations WHERE relation = %s::text"
    rows = await database.fetch(query, [relation], Budget(BUDGET_S))
    return {item_id: dict(zip(neighbors, weights, strict=True)) for item_id, neighbors, weights in rows}


async def stored_signals(database: Database) -> Mapping[str, ItemSignals]:
    return await PostgresSignalStore(database).of_history(IDS, Budget(BUDGET_S))


async def version(database: Database) -> int:
    return await PostgresSignalStore(database).version(Budget(BUDGET_S))
