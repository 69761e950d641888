"""Rows of tables as items and interactions: what the API would refuse is refused, and all faults are told at once."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.command_line.attributes import AttributeColumn
from clients.command_line.table_rows import to_interactions, to_items
from gateway.domain import Interaction, Item
from gateway.errors import InvalidRequest
from gateway.limits import Limits
from training.data.tables import InteractionRow, ItemRow

COLUMNS = (AttributeColumn("year", "number"), AttributeColumn("genres", "words"))
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def rated(user_id: str, item_id: str, minute: int = 0, event: str = "rating") -> InteractionRow:
    return InteractionRow(user_id, item_id, event, 1.0, NOON + timedelta(minutes=minute))


def faults_of(*rows: ItemRow | InteractionRow) -> list[str]:
    """The violations of these rows."""
    items = [row for row in rows if isinstance(row, ItemRow)]
    interactions = [row for row in rows if isinstance(row, InteractionRow)]
    with pytest.raises(InvalidRequest) as caught:
        _ = to_items(items, COLUMNS) if items else to_interactions(interactions)
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
    read = to_interactions([rated("u", "3", 5), rated("u", "1", 2), rated("u", "9", 2), rated("u", "2", 0)])
    assert [one.item_id for one in read] == ["2", "1", "9", "3"]
    assert read[0] == Interaction("u", "2", "rating", 1.0, NOON)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (ItemRow("i" * 257, {"title": "a"}), "received 257 UTF-8 bytes; at most 256"),
        (ItemRow("a\nb", {"title": "a"}), "received U+000A at position 1"),
        (ItemRow("1", {"title": "a\0b"}), "item '1': title: received U+0000 at position 1"),
        (ItemRow("1", {"title": "é" * 4097}), "item '1': title: received 8194 UTF-8 bytes; at most 8192"),
        (ItemRow("1", {"the title": "a"}), "item '1': column 'the title': received U+0020 at position 3"),
        (ItemRow("1", {"title": "a", "year": "V"}), "item '1': year is 'V', which is no number"),
        (ItemRow("1", {"genres": "g" * 257}), "item '1': genres: received 257 UTF-8 bytes"),
        (ItemRow("1", {"genres": " ".join(map(str, range(65)))}), "item '1': genres: received 65 labels; 0 to 64"),
        (ItemRow("1", {f"f{number}": "a" for number in range(33)}), "item '1': received 33 fields; 0 to 32"),
        (rated("u" * 257, "1"), "user_id: received 257 UTF-8 bytes; at most 256"),
        (rated("u", "1", event="has seen"), "event: received U+0020 at position 3"),
    ],
)
def test_what_the_api_would_refuse_is_refused(row: ItemRow | InteractionRow, fault: str) -> None:
    (told,) = faults_of(row)
    assert fault in told


def test_the_largest_legal_row_passes() -> None:
    limits = Limits()
    row = ItemRow("i" * limits.max_id_bytes, {"t" * limits.max_name_bytes: "x" * limits.max_field_bytes})
    assert to_items([row], ())[0].fields == row.fields
    largest = rated("u" * limits.max_id_bytes, "i" * limits.max_id_bytes, event="e" * limits.max_name_bytes)
    assert to_interactions([largest])[0].user_id == largest.user_id


def test_all_faults_of_a_table_are_told_at_once() -> None:
    told = faults_of(ItemRow("1", {"year": "V"}), ItemRow("2", {"year": "1995"}), ItemRow("3", {"year": "unkonwn"}))
    assert [one.split(":")[0] for one in told] == ["item '1'", "item '3'"]
