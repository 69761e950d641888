"""Rows of tables as items and interactions: attributes that the API would refuse are refused, all of them at once."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.command_line.catalog.attributes import AttributeColumn
from clients.command_line.catalog.table_rows import to_interactions, to_items
from gateway.domain.errors import InvalidRequest
from gateway.domain.values import Interaction, Item
from training.data.tables import InteractionRow, ItemRow

COLUMNS = (AttributeColumn("year", "number"), AttributeColumn("genres", "words"))
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def rated(item_id: str, minute: int) -> InteractionRow:
    return InteractionRow("u", item_id, "rating", 1.0, NOON + timedelta(minutes=minute))


def faults_of(*rows: ItemRow) -> list[str]:
    """The violations of these rows."""
    with pytest.raises(InvalidRequest) as caught:
        to_items(rows, COLUMNS)
    return [f"{one.field}: {one.description}" for one in caught.value.violations]


def test_every_column_stays_a_field_and_chosen_ones_become_attributes_too() -> None:
    fields = {"title": "Heat", "year": "1995", "genres": "Action Crime"}
    assert to_items([ItemRow("7", fields)], COLUMNS) == [
        Item("7", fields, {"year": 1995.0, "genres": ("Action", "Crime")})
    ]


def test_items_keep_the_order_of_the_table() -> None:
    rows = [ItemRow(item_id, {"title": item_id}) for item_id in ("b", "a", "c")]
    assert [item.item_id for item in to_items(rows, ())] == ["b", "a", "c"]


def test_interactions_come_in_order_of_time_and_at_the_same_moment_in_file_order() -> None:
    read = to_interactions([rated("3", 5), rated("1", 2), rated("9", 2), rated("2", 0)])
    assert [one.item_id for one in read] == ["2", "1", "9", "3"]
    assert read[0] == Interaction("u", "2", "rating", 1.0, NOON)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"title": "a", "year": "V"}, "item '1': year is 'V', which is no number"),
        ({"genres": "g" * 257}, "item '1': genres: received 257 UTF-8 bytes"),
        ({"genres": " ".join(map(str, range(65)))}, "item '1': genres: received 65 labels; 0 to 64"),
    ],
)
def test_attributes_that_the_api_would_refuse_are_refused(fields: dict[str, str], fault: str) -> None:
    (told,) = faults_of(ItemRow("1", fields))
    assert fault in told


def test_all_faults_of_a_table_are_told_at_once() -> None:
    told = faults_of(ItemRow("1", {"year": "V"}), ItemRow("2", {"year": "1995"}), ItemRow("3", {"year": "unkonwn"}))
    assert [one.split(":")[0] for one in told] == ["item '1'", "item '3'"]
