"""Rows into a temporary table by binary COPY, to be merged from there. Knows no permanent table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection

from gateway.store.pool import Row


@dataclass(frozen=True, slots=True)
class Staging:
    """A temporary table: its name, and its columns as (name, type) in the order of the rows."""

    table: str
    columns: tuple[tuple[str, str], ...]


async def stage(connection: AsyncConnection[Row], staging: Staging, rows: Iterable[Sequence[object]]) -> None:
    """Fills the table, which goes with the transaction."""
    columns = ", ".join(f"{name} {kind}" for name, kind in staging.columns)
    await connection.execute(f"CREATE TEMPORARY TABLE {staging.table} ({columns}) ON COMMIT DROP")
    async with connection.cursor().copy(f"COPY {staging.table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([kind for _, kind in staging.columns])
        for row in rows:
            await copy.write_row(row)
    await connection.execute(f"ANALYZE {staging.table}")
