"""Online Retail, a gift shop's invoices of a year, as generic tables, from the user's own file. Never redistributed
here.

By Daqing Chen, CC BY 4.0 in the UCI repository (10.24432/C5BW33), CC0 in the R package onlineretail. A line of an
invoice is written with weight 1; cancellations, lines without a customer and what is no product are left out.
"""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from training.data.rows import Row, read_rows
from training.data.tables import InteractionRow, ItemRow, Tables

COLUMNS = ("InvoiceNo", "StockCode", "Description", "InvoiceDate", "CustomerID")

_PRODUCT = re.compile(r"\d{5}")
_CANCELLED = "C"


def from_file(file: Path) -> Tables:
    """From one CSV or Parquet file with the columns COLUMNS. Raises TableInvalid naming row and column."""
    titles: dict[str, Counter[str]] = defaultdict(Counter)
    lines = []
    for row in read_rows(file, COLUMNS):
        cells = row.cells
        if not cells["CustomerID"] or cells["InvoiceNo"].startswith(_CANCELLED):
            continue
        title = " ".join(cells["Description"].split()).lower()
        if title and _PRODUCT.match(cells["StockCode"]):
            titles[cells["StockCode"]][title] += 1
            lines.append(_line(row))
    items = [ItemRow(code, {"title": found.most_common(1)[0][0]}) for code, found in titles.items()]
    return Tables(items, list(dict.fromkeys(lines)))


def _line(row: Row) -> InteractionRow:
    moment = row.parsed("InvoiceDate", datetime.fromisoformat, "ISO 8601").replace(tzinfo=UTC)
    return InteractionRow(row.required("CustomerID"), row.required("StockCode"), "purchase", 1.0, moment)
