"""The catalogue in PostgreSQL."""

from collections.abc import Mapping, Sequence

from psycopg import sql
from psycopg.types.json import Jsonb

from gateway.budget import Budget
from gateway.domain import Filter, Item, WriteCounts
from gateway.ports import Embeddings
from gateway.store.database import Database
from gateway.store.filters import conditions
from gateway.store.values import attributes_from_json, attributes_to_json, vector_text

_COLUMNS = "i.item_id, i.fields, i.attributes, i.token_ids, i.tokens_fingerprint"
_SELECT = sql.SQL("SELECT " + _COLUMNS + " FROM items i WHERE ")

_MERGE = """
WITH changed AS (
    INSERT INTO items AS old (item_id, fields, attributes, embedding, token_ids, tokens_fingerprint)
    SELECT item_id, fields, attributes, embedding, token_ids, tokens_fingerprint FROM arriving_items
    ON CONFLICT (item_id) DO UPDATE SET
        fields = excluded.fields, attributes = excluded.attributes, embedding = excluded.embedding,
        token_ids = excluded.token_ids, tokens_fingerprint = excluded.tokens_fingerprint, updated_at = now()
    WHERE (old.fields, old.attributes, old.tokens_fingerprint)
        IS DISTINCT FROM (excluded.fields, excluded.attributes, excluded.tokens_fingerprint)
    RETURNING (xmax = 0) AS inserted
)
SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM changed
"""


class PostgresItemStore:
    """ItemStore over the table items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        """The items found, by id."""
        rows = await self._database.rows(budget, _SELECT + sql.SQL("i.item_id = ANY(%s)"), (list(item_ids),))
        return {row[0]: _item(row) for row in rows}

    async def upsert(self, items: Sequence[Item], embeddings: Embeddings, budget: Budget) -> WriteCounts:
        """Writes all or nothing, through COPY into a temporary table and one merge."""
        async with self._database.connection(budget) as connection, connection.transaction():
            await connection.execute(
                "CREATE TEMPORARY TABLE arriving_items (LIKE items INCLUDING DEFAULTS) ON COMMIT DROP"
            )
            copy_into = (
                "COPY arriving_items (item_id, fields, attributes, embedding, token_ids, tokens_fingerprint) FROM STDIN"
            )
            async with connection.cursor().copy(copy_into) as copy:
                for item, embedding in zip(items, embeddings, strict=True):
                    await copy.write_row(
                        (
                            item.item_id,
                            Jsonb(dict(item.fields)),
                            Jsonb(attributes_to_json(item.attributes)),
                            vector_text(embedding.tolist()),
                            None if item.token_ids is None else list(item.token_ids),
                            item.tokens_fingerprint,
                        )
                    )
            row = await (await connection.execute(_MERGE)).fetchone()
        inserted, updated = row or (0, 0)
        return WriteCounts(inserted, updated, len(items) - inserted - updated)

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        """How many existed. Their neighbours and popularity go too; interactions stay, they are training data."""
        ids = list(item_ids)
        async with self._database.connection(budget) as connection, connection.transaction():
            await connection.execute("DELETE FROM item_neighbors WHERE item_id = ANY(%s)", (ids,))
            await connection.execute("DELETE FROM item_popularity WHERE item_id = ANY(%s)", (ids,))
            deleted = await connection.execute("DELETE FROM items WHERE item_id = ANY(%s)", (ids,))
            return deleted.rowcount

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        """Items with an id above ``after``, in order of id."""
        where, parameters = conditions(filters)
        query = _SELECT + where + sql.SQL(" AND i.item_id > %s ORDER BY i.item_id LIMIT %s")
        return [_item(row) for row in await self._database.rows(budget, query, [*parameters, after, limit])]


def _item(row: tuple[str, dict[str, str], dict[str, object], list[int] | None, str]) -> Item:
    item_id, fields, attributes, token_ids, fingerprint = row
    known = None if token_ids is None else tuple(token_ids)
    return Item(item_id, fields, attributes_from_json(attributes), known, fingerprint)
