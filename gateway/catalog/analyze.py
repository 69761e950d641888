"""Tells PostgreSQL's planner what a load has put into the tables. Knows no load."""

from gateway.domain.budget import Budget
from gateway.store.pool import Database

TABLES = ("items", "item_numbers", "interactions", "item_popularity", "item_relations", "item_signals")
"""Those that a load fills and that candidates are read from."""


async def refresh_statistics(database: Database, budget: Budget) -> None:
    """Without it the planner guesses until autovacuum comes by, minutes later: on MovieLens 100K a recommendation takes
    30 ms longer until then. Raises StoreUnavailable."""
    await database.execute(f"ANALYZE {', '.join(TABLES)}", [], budget)
