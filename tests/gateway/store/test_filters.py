"""Filters in SQL against the same filters in plain Python, on random items; and which index they use."""

import random

import pytest

from gateway.domain.budget import Budget
from gateway.domain.values import AttributeValue, Filter, FilterKind, Item
from gateway.store.filters import matches_all
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import indexed
from tests.fakes.stores import passes

NAMES = ["a", "b-c", "x_1", "%s", "'", '"', "a.b", "$.a", "日本"]
TEXTS = ["", "1", "true", "null", "a", "b", "'; DROP TABLE items;--", '{"a": 1}', "[]", "%s", "\\", "日本", "A" * 256]
NUMBERS = [0.0, -0.0, 1.0, 0.1, 1 / 3, -2.5, 1e-300, 1e300, 2.0**53, 1995.0]


def some_value(generator: random.Random) -> AttributeValue:
    values: list[AttributeValue] = [
        generator.choice(TEXTS),
        generator.choice(NUMBERS),
        generator.random() < 0.5,
        tuple(generator.sample(TEXTS, generator.randrange(4))),
    ]
    return generator.choice(values)


def some_items(generator: random.Random) -> list[Item]:
    return [
        Item(f"m{number:03}", {}, {name: some_value(generator) for name in NAMES if generator.random() < 0.5})
        for number in range(150)
    ]


def some_filter(generator: random.Random) -> Filter:
    name, kind = generator.choice(NAMES), generator.choice(list(FilterKind))
    if kind is FilterKind.EQUALS:
        return Filter(name, kind, (some_value(generator),))
    if kind is FilterKind.ANY_OF:
        return Filter(name, kind, tuple(generator.sample(TEXTS, generator.randrange(1, 4))))
    low, high = sorted(generator.sample(NUMBERS, 2))
    return Filter(name, kind, minimum=generator.choice([None, low]), maximum=generator.choice([None, high]))


@pytest.mark.parametrize("seed", range(5))
async def test_sql_and_python_agree_on_what_passes(database: Database, seed: int) -> None:
    generator = random.Random(seed)
    items = some_items(generator)
    store = PostgresItemStore(database)
    await store.upsert([indexed(item) for item in items], Budget(60))
    matched = 0
    for _ in range(60):
        filters = [some_filter(generator) for _ in range(generator.choice([1, 1, 2]))]
        found = [item.item_id for item in await store.list("", 1000, filters, Budget(30))]
        assert found == [item.item_id for item in items if passes(item, filters)], f"seed {seed}: {filters}"
        matched += bool(found)
    assert matched > 20  # the comparison is not of empty lists


def test_nothing_of_a_request_stands_in_the_sql() -> None:
    canary = "canary-4711"
    filters = [
        Filter(canary, FilterKind.EQUALS, (canary,)),
        Filter(canary, FilterKind.EQUALS, ((canary,),)),
        Filter(canary, FilterKind.ANY_OF, (canary,)),
        Filter(canary, FilterKind.IN_RANGE, minimum=4711.0, maximum=4711.5),
    ]
    condition = matches_all(filters)
    assert "4711" not in condition.sql
    assert condition.sql.count("%s") == len(condition.parameters)


def test_no_filter_is_always_true() -> None:
    assert (matches_all(()).sql, matches_all(()).parameters) == ("TRUE", ())


@pytest.mark.parametrize(
    "one",
    [
        Filter("text", FilterKind.EQUALS, ("v7",)),
        Filter("text", FilterKind.ANY_OF, ("v7", "v8")),
        Filter("number", FilterKind.EQUALS, (7.0,)),
        Filter("number", FilterKind.IN_RANGE, minimum=7.0, maximum=8.0),
    ],
    ids=["equals", "any of", "equals a number", "range"],
)
async def test_rare_values_are_found_through_an_index(database: Database, one: Filter) -> None:
    await fill_with_rare_values(database)
    condition = matches_all([one])
    statement = f"EXPLAIN SELECT item_id FROM items WHERE {condition.sql}"
    plan = "\n".join(line for (line,) in await database.fetch(statement, condition.parameters, Budget(30)))
    assert "items_attributes" in plan or "item_numbers_value" in plan, plan
    assert "Seq Scan" not in plan, plan


async def fill_with_rare_values(database: Database) -> None:
    await database.execute("ALTER TABLE items ALTER embedding DROP NOT NULL", [], Budget(30))
    rows = """
        INSERT INTO items (item_id, fields, attributes, content_digest, text_digest)
        SELECT 'm' || n, '{}', jsonb_build_object('text', 'v' || n, 'number', n), '', ''
        FROM generate_series(1, 20000) AS n
    """
    numbers = "INSERT INTO item_numbers SELECT 'm' || n, 'number', n FROM generate_series(1, 20000) n"
    for statement in (rows, numbers, "ANALYZE items", "ANALYZE item_numbers"):
        await database.execute(statement, [], Budget(60))
