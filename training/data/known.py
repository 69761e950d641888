"""The items that a row of another table names. Knows no file."""

from collections.abc import Container

from training.data.rows import Row
from training.errors import ItemUnknown

ITEM_ID = "item_id"


def known_item(row: Row, known: Container[str], remedy: str) -> str:
    """The id that the row names. Raises TableInvalid where it names none, ItemUnknown where ``known`` has it not."""
    item_id = row.required(ITEM_ID)
    if item_id not in known:
        message = f"item {item_id!r} is not in the items table"
        raise ItemUnknown(row.file, row.place(), ITEM_ID, message, remedy)
    return item_id
