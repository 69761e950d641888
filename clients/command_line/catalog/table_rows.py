"""Rows of tables, which were checked when they were read, as items and interactions. Must not know files or stores."""

from collections.abc import Iterable, Sequence

from clients.command_line.catalog.attributes import AttributeColumn, AttributeInvalid, read_attributes
from gateway.domain.checks import Checks, shown
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules
from gateway.domain.values import AttributeValue, Interaction, Item
from training.data.tables import InteractionRow, ItemRow


def to_items(rows: Iterable[ItemRow], columns: Sequence[AttributeColumn]) -> list[Item]:
    """Items with all text columns as fields and ``columns`` as attributes. Raises InvalidRequest with all faults of
    attributes: cells that cannot be read, and what an upload would refuse."""
    checks = Checks(Rules(Limits()))
    items = [_item(checks, row, columns) for row in rows]
    checks.refuse_faults()
    return items


def to_interactions(rows: Iterable[InteractionRow]) -> list[Interaction]:
    """Interactions in order of their time; at the same moment in file order."""
    interactions = (Interaction(row.user_id, row.item_id, row.event, row.weight, row.time) for row in rows)
    return sorted(interactions, key=lambda one: one.time)


def _item(checks: Checks, row: ItemRow, columns: Sequence[AttributeColumn]) -> Item:
    path = f"item {shown(row.item_id)}"
    return Item(row.item_id, row.fields, _attributes(checks, path, row, columns))


def _attributes(
    checks: Checks, path: str, row: ItemRow, columns: Sequence[AttributeColumn]
) -> dict[str, AttributeValue]:
    try:
        attributes = read_attributes(columns, row.fields)
    except AttributeInvalid as fault:
        checks.fault(path, f"{fault}: correct the cell, or leave it empty")
        return {}
    for name, value in attributes.items():
        labels = value if isinstance(value, tuple) else (value,)
        checks.count(f"{path}: {name}", len(labels), checks.rules.labels)
        for label in labels:
            if isinstance(label, str):
                checks.text(f"{path}: {name}", label, checks.rules.label)
    return attributes
