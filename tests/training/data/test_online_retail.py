"""Online Retail as tables: products by their most frequent description, without cancellations and nameless buyers."""

from pathlib import Path

from training.data import online_retail

HEADER = "InvoiceNo,StockCode,Description,InvoiceDate,CustomerID\n"
LINES = """1,10002,INFLATABLE  GLOBE ,2010-12-01 08:26:00,7
2,10002,inflatable globe,2010-12-02 08:26:00,8
3,10002,damaged,2010-12-02 08:27:00,8
C4,10002,INFLATABLE GLOBE,2010-12-03 08:26:00,7
5,POST,POSTAGE,2010-12-03 08:26:00,7
6,10002,INFLATABLE GLOBE,2010-12-03 08:26:00,
1,10002,INFLATABLE GLOBE,2010-12-01 08:26:00,7
"""


def test_lines_of_customers_for_products_are_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "online_retail.csv"
    file.write_text(HEADER + LINES, encoding="utf-8")
    tables = online_retail.from_file(file)
    assert [(item.item_id, item.fields) for item in tables.items] == [("10002", {"title": "inflatable globe"})]
    assert [(one.user_id, one.time.day) for one in tables.interactions] == [("7", 1), ("8", 2), ("8", 2)]
