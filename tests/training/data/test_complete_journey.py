"""The Complete Journey as tables: products that enough households bought, each purchase once a moment."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from training.data import complete_journey
from training.errors import DataUnavailable

PRODUCTS = {
    "product_id": ["1", "2", "3"],
    "department": ["GROCERY"] * 3,
    "brand": ["National"] * 3,
    "product_category": ["SOUP", "SOUP", None],
    "product_type": ["TOMATO  SOUP", None, None],
    "package_size": ["10 OZ", None, None],
}
BOUGHT = [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("a", "3"), ("b", "3"), ("a", "9")]


def write(folder: Path) -> Path:
    moment = datetime(2017, 1, 1, 12)
    transactions = {
        "household_id": [household for household, _ in BOUGHT],
        "product_id": [product for _, product in BOUGHT],
        "transaction_timestamp": [moment] * len(BOUGHT),
    }
    parquet.write_table(pa.table(PRODUCTS), folder / "products.parquet")
    parquet.write_table(pa.table(transactions), folder / "transactions.parquet")
    return folder


def test_products_have_a_text_and_each_purchase_stands_once(tmp_path: Path) -> None:
    tables = complete_journey.from_folder(write(tmp_path), min_households=2)
    assert [item.fields["title"] for item in tables.items] == ["tomato soup", "soup"]
    assert tables.items[0].fields["size"] == "10 oz"
    assert [(one.user_id, one.item_id) for one in tables.interactions] == [
        ("a", "1"),
        ("b", "1"),
        ("a", "2"),
        ("b", "2"),
    ]
    assert all(one.weight == 1 and one.time.tzinfo for one in tables.interactions)


def test_what_too_few_bought_is_left_out(tmp_path: Path) -> None:
    assert not complete_journey.from_folder(write(tmp_path), min_households=3).items


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"transactions\.parquet"):
        complete_journey.from_folder(tmp_path)
