"""Items are read with the popularity that the last rebuild counted, 0 where nobody liked them."""

from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film, indexed

BUDGET_S = 60.0


async def test_items_carry_how_many_users_liked_them_when_it_was_last_counted(database: Database) -> None:
    store = PostgresItemStore(database)
    await store.upsert([indexed(film(item_id)) for item_id in ("m1", "m2", "m3")], Budget(BUDGET_S))
    assert {one.popularity for one in (await store.get(["m1", "m2", "m3"], Budget(BUDGET_S))).values()} == {0}
    liked = [did("u1", "m1"), did("u2", "m1"), did("u1", "m2"), did("u3", "m3", weight=-1.0)]
    await load_interactions(database, liked, lambda _: None)
    await rebuild_relations(database, Budget(BUDGET_S))
    await load_interactions(database, [did("u3", "m2")], lambda _: None)
    read = await store.get(["m1", "m2", "m3"], Budget(BUDGET_S))
    assert {item_id: item.popularity for item_id, item in read.items()} == {"m1": 2, "m2": 1, "m3": 0}
    assert [one.popularity for one in await store.list("", 10, (), Budget(BUDGET_S))] == [2, 1, 0]
