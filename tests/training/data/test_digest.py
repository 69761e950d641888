"""The digest of tables tells changed data from the same data written and read again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.training.synthetic import synthetic_tables
from training.data.digest import tables_digest
from training.data.tables import ItemRow, Tables, read_tables, write_tables

TABLES = synthetic_tables(users=12)


def test_tables_that_were_written_and_read_again_are_the_same(tmp_path: Path) -> None:
    items = [ItemRow("spaced", {"title": "two  spaces "}), *TABLES.items]
    tables = replace(TABLES, items=items)
    write_tables(tmp_path, tables)
    assert tables_digest(read_tables(tmp_path / "items.csv", tmp_path / "interactions.csv")) == tables_digest(tables)


@pytest.mark.parametrize(
    "changed",
    [
        replace(TABLES, items=TABLES.items[::-1]),
        replace(TABLES, items=[replace(TABLES.items[0], fields={"title": "new"}), *TABLES.items[1:]]),
        replace(TABLES, interactions=TABLES.interactions[:-1]),
        replace(TABLES, interactions=[replace(TABLES.interactions[0], weight=0.5), *TABLES.interactions[1:]]),
        replace(
            TABLES,
            interactions=[
                replace(TABLES.interactions[0], time=TABLES.interactions[0].time + timedelta(seconds=1)),
                *TABLES.interactions[1:],
            ],
        ),
    ],
)
def test_any_change_gives_another_digest(changed: Tables) -> None:
    assert tables_digest(changed) != tables_digest(TABLES)
