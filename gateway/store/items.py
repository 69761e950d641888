"""The catalogue in PostgreSQL. Knows no embedding model and no tokenizer: vectors and token ids come ready made."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import AttributeValue, Filter, Item, WriteCounts
from gateway.ports import IndexedItem, ItemDigests, StoredItem
from gateway.store.filters import matches_all
from gateway.store.pool import Database, Result, Row
from gateway.store.staging import Staging, stage

_SELECT = """
    SELECT item_id, fields, attributes, token_ids, tokens_fingerprint, coalesce(item_popularity.users, 0)
    FROM items LEFT JOIN item_popularity USING (item_id)
"""

# What is known already is not sent again. Ids and digests come as one document: the driver writes it in a tenth of the
# time of two arrays.
_UNLESS = """
    SELECT item_id, CASE WHEN content_digest <> digest THEN fields END,
        CASE WHEN content_digest <> digest THEN attributes END, CASE WHEN content_digest <> digest THEN token_ids END,
        tokens_fingerprint, coalesce(item_popularity.users, 0), content_digest
    FROM (SELECT key, decode(value, 'hex') FROM jsonb_each_text(%s::jsonb)) AS given (item_id, digest)
        JOIN items USING (item_id) LEFT JOIN item_popularity USING (item_id)
"""

_STAGING = Staging(
    "staged_items",
    (
        ("item_id", "text"),
        ("fields", "jsonb"),
        ("attributes", "jsonb"),
        ("embedding", "real[]"),
        ("token_ids", "integer[]"),
        ("tokens_fingerprint", "text"),
        ("content_digest", "bytea"),
        ("text_digest", "bytea"),
    ),
)

# Writers of items go one after the other: batches with common ids would otherwise wait for each other in a circle. Who
# waits for those of other processes gives its connection back meanwhile.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('crossrank.items'))"
_PAUSE_S = 0.05

_UPDATE = """
    UPDATE items SET
        fields = staged.fields,
        attributes = staged.attributes,
        embedding = coalesce(staged.embedding::vector, items.embedding),
        token_ids = staged.token_ids,
        tokens_fingerprint = staged.tokens_fingerprint,
        content_digest = staged.content_digest,
        text_digest = staged.text_digest,
        updated_at = now()
    FROM staged_items AS staged
    WHERE items.item_id = staged.item_id
        AND (items.content_digest <> staged.content_digest OR items.text_digest <> staged.text_digest)
        AND (staged.embedding IS NOT NULL OR items.text_digest = staged.text_digest)
"""

_INSERT = """
    INSERT INTO items (item_id, fields, attributes, embedding, token_ids, tokens_fingerprint, content_digest,
        text_digest)
    SELECT item_id, fields, attributes, embedding::vector, token_ids, tokens_fingerprint, content_digest, text_digest
    FROM staged_items AS staged
    WHERE embedding IS NOT NULL AND NOT EXISTS (SELECT FROM items WHERE items.item_id = staged.item_id)
"""

# Not by conflict: that would wait for whoever makes popularity anew, also for the rows that are there.
_INSERT_POPULARITY = """
    INSERT INTO item_popularity (item_id, users)
    SELECT item_id, 0 FROM staged_items AS staged
    WHERE NOT EXISTS (SELECT FROM item_popularity WHERE item_popularity.item_id = staged.item_id)
"""

_DELETE_NUMBERS = "DELETE FROM item_numbers USING staged_items AS staged WHERE item_numbers.item_id = staged.item_id"

_INSERT_NUMBERS = """
    INSERT INTO item_numbers (item_id, attribute, value)
    SELECT item_id, key, value::float8 FROM staged_items, jsonb_each(attributes) WHERE jsonb_typeof(value) = 'number'
"""

_MISSING = """
    SELECT count(*) FROM staged_items AS staged
    WHERE NOT EXISTS (SELECT FROM items WHERE items.item_id = staged.item_id
        AND items.content_digest = staged.content_digest AND items.text_digest = staged.text_digest)
"""


class _OthersWrite(Exception):
    """A writer of another process has the turn."""


class PostgresItemStore:
    """ItemStore on the table ``items``. However many write, they take one connection: the others are for readers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        """The items found, by id."""
        query = f"{_SELECT} WHERE items.item_id = ANY (%s::text[])"
        rows = await self._database.fetch(query, [list(item_ids)], budget)
        return {item.item_id: item for item in map(_item, rows)}

    async def unless(self, digests: Mapping[str, bytes], budget: Budget) -> Mapping[str, StoredItem]:
        """As ItemStore says, in one statement."""
        given = json.dumps({item_id: digest.hex() for item_id, digest in digests.items()})
        rows = await self._database.fetch(_UNLESS, [given], budget)
        return {row[0]: StoredItem(row[-1], row[-2], None if row[1] is None else _item(row[:-1])) for row in rows}

    async def digests(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemDigests]:
        """What the items found were made of."""
        query = "SELECT item_id, content_digest, text_digest FROM items WHERE item_id = ANY (%s::text[])"
        rows = await self._database.fetch(query, [list(item_ids)], budget)
        return {item_id: ItemDigests(bytes(content), bytes(text)) for item_id, content, text in rows}

    async def upsert(self, items: Sequence[IndexedItem], budget: Budget) -> WriteCounts:
        """Writes all or nothing, through a staging table."""

        async def merge(connection: AsyncConnection[Row]) -> WriteCounts:
            await stage(connection, _STAGING, _staged_rows(items))
            updated = (await connection.execute(_UPDATE)).rowcount
            inserted = (await connection.execute(_INSERT)).rowcount
            missing = await (await connection.execute(_MISSING)).fetchone()
            if missing != (0,):
                raise StoreUnavailable("another writer changed these items at the same time: send them again")
            await connection.execute(_INSERT_POPULARITY)
            await connection.execute(_DELETE_NUMBERS)
            await connection.execute(_INSERT_NUMBERS)
            return WriteCounts(inserted, updated, len(items) - inserted - updated)

        return await self._write(merge, budget)

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        """How many existed. Interactions stay: they are what happened."""

        async def remove(connection: AsyncConnection[Row]) -> int:
            query = "DELETE FROM items WHERE item_id = ANY (%s::text[])"
            return (await connection.execute(query, [list(item_ids)])).rowcount

        return await self._write(remove, budget)

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        """Items with an id above ``after``, in order of id."""
        condition = matches_all(filters)
        query = f"{_SELECT} WHERE items.item_id > %s::text AND {condition.sql} ORDER BY items.item_id LIMIT %s"
        return [_item(row) for row in await self._database.fetch(query, [after, *condition.parameters, limit], budget)]

    async def _write(self, work: Callable[[AsyncConnection[Row]], Awaitable[Result]], budget: Budget) -> Result:
        """The result of ``work`` done in a transaction when nobody else writes items. Raises StoreUnavailable when that
        is not so within the budget."""

        async def locked(connection: AsyncConnection[Row]) -> Result:
            if await (await connection.execute(_LOCK)).fetchone() != (True,):
                raise _OthersWrite
            return await work(connection)

        allowed_s = budget.left_s
        try:
            async with asyncio.timeout(allowed_s):
                await self._turn.acquire()
        except TimeoutError:
            raise _no_turn(allowed_s) from None
        try:
            while True:
                try:
                    return await self._database.transact(locked, budget)
                except _OthersWrite:
                    if budget.left_s <= _PAUSE_S:
                        raise _no_turn(allowed_s) from None
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self._turn.release()


def _no_turn(allowed_s: float) -> StoreUnavailable:
    return StoreUnavailable(f"other writers of items did not end within {allowed_s:.3f} s: send these again later")


def _staged_rows(items: Sequence[IndexedItem]) -> Iterator[tuple[object, ...]]:
    for indexed in items:
        item = indexed.item
        yield (
            item.item_id,
            Jsonb(dict(item.fields)),
            Jsonb(dict(item.attributes)),
            None if indexed.embedding is None else indexed.embedding.tolist(),
            None if item.token_ids is None else list(item.token_ids),
            item.tokens_fingerprint,
            indexed.digests.content,
            indexed.digests.text,
        )


def _item(row: Row) -> Item:
    item_id, fields, attributes, token_ids, tokens_fingerprint, users = row
    return Item(
        item_id=item_id,
        fields=fields,
        attributes={name: _attribute(value) for name, value in attributes.items()},
        token_ids=None if token_ids is None else tuple(token_ids),
        tokens_fingerprint=tokens_fingerprint,
        popularity=users,
    )


def _attribute(value: object) -> AttributeValue:
    """JSON knows no sets, and writes whole numbers without a point."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, list):
        return tuple(value)
    raise StoreUnavailable(f"an attribute holds {value!r}, which crossrank never writes: upsert the item again")
