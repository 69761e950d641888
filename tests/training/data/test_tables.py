"""Tables of anybody's data: read as written, refused with file, place, column and remedy, never half-written."""

import gzip
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pyarrow
import pytest
from pyarrow import parquet

from training.data.rows import parse_time
from training.data.tables import InteractionRow, ItemRow, Tables, read_items, read_tables, write_tables
from training.errors import TableInvalid

ITEMS = "item_id,title,maker\n1,Alien,Scott\n2,Babe,\n"
INTERACTIONS = "user_id,item_id,event,weight,time\nu,1,view,1,2020-01-02T03:04:05+00:00\nu,2,skip,0,86400\n"


def write(folder: Path, items: str = ITEMS, interactions: str = INTERACTIONS) -> tuple[Path, Path]:
    (folder / "items.csv").write_text(items, encoding="utf-8")
    (folder / "interactions.csv").write_text(interactions, encoding="utf-8")
    return folder / "items.csv", folder / "interactions.csv"


def fault_of(folder: Path, items: str = ITEMS, interactions: str = INTERACTIONS) -> TableInvalid:
    with pytest.raises(TableInvalid) as caught:
        read_tables(*write(folder, items, interactions))
    return caught.value


def test_items_keep_every_text_column_and_interactions_their_moment(tmp_path: Path) -> None:
    tables = read_tables(*write(tmp_path))
    assert tables.items == [
        ItemRow("1", {"title": "Alien", "maker": "Scott"}),
        ItemRow("2", {"title": "Babe", "maker": ""}),
    ]
    assert tables.interactions[0].time == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert tables.interactions[1] == InteractionRow("u", "2", "skip", 0.0, datetime(1970, 1, 2, tzinfo=UTC))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tables = Tables(
        [ItemRow("1", {"title": 'A "quoted", title'}), ItemRow("ü", {"title": "", "note": "only a note"})],
        [InteractionRow("u,1", "ü", "view", 0.25, datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC))],
    )
    write_tables(tmp_path, tables)
    again = read_tables(tmp_path / "items.csv", tmp_path / "interactions.csv")
    assert again.interactions == tables.interactions
    assert again.items[0].fields == {"title": 'A "quoted", title', "note": ""}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["interactions.csv", "items.csv"]


def test_a_failed_write_leaves_the_old_files(tmp_path: Path) -> None:
    moment = datetime(2001, 1, 1, tzinfo=UTC)
    write_tables(tmp_path, Tables([ItemRow("1", {"title": "old"})], []))
    broken = [InteractionRow("u", "1", "view", 1.0, moment), InteractionRow("u", "1", "view", cast(float, "x"), moment)]
    with pytest.raises(ValueError, match="format code"):
        write_tables(tmp_path, Tables([ItemRow("1", {"title": "new"})], broken))
    assert read_items(tmp_path / "items.csv")[0].fields == {"title": "old"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["interactions.csv", "items.csv"]


@pytest.mark.parametrize(
    ("items", "place", "column", "told"),
    [
        ("id,title\n1,a\n", "", "item_id", "columns found: id, title"),
        ("item_id,title\n1,a\n1,b\n", "line 3", "item_id", "stands in line 2 too"),
        ("item_id,title\n1,a\n ,b\n", "line 3", "item_id", "is empty"),
        ("item_id,title,note\n1,a,b\n2, ,\n", "line 3", "", "has no text (text columns: title, note)"),
        ("item_id,title,title\n1,a,b\n", "", "title", "twice"),
        ("item_id,title\n1,a,b\n", "line 2", "", "3 cells; the header has 2"),
        ("", "", "item_id", "none"),
    ],
)
def test_a_fault_of_the_items_is_named_with_line_and_column(
    tmp_path: Path, items: str, place: str, column: str, told: str
) -> None:
    fault = fault_of(tmp_path, items=items)
    assert (fault.file.name, fault.place, fault.column) == ("items.csv", place, column)
    assert told in str(fault)
    assert fault.remedy


@pytest.mark.parametrize(
    ("line", "column", "told"),
    [
        ("u,9,view,1,0", "item_id", "'9' is not in the items table"),
        (",1,view,1,0", "user_id", "is empty"),
        ("u,1,,1,0", "event", "is empty"),
        ("u,1,view,much,0", "weight", "'much' cannot be read"),
        ("u,1,view,-1,0", "weight", "negative"),
        ("u,1,view,nan,0", "weight", "not finite"),
        ("u,1,view,1,yesterday", "time", "write ISO 8601 with a zone"),
        ("u,1,view,1,2020-01-02T03:04:05", "time", "no time zone"),
        ("u,1,view,1,1e300", "time", "milliseconds?"),
        ("u,1,view,1,inf", "time", "not finite"),
        ("u,1,view,0.5,2020-01-02T04:04:05+01:00", "item_id", "are those of line 2; keep one"),
    ],
)
def test_a_fault_of_the_interactions_is_named_with_line_and_column(
    tmp_path: Path, line: str, column: str, told: str
) -> None:
    fault = fault_of(tmp_path, interactions=INTERACTIONS + line + "\n")
    assert (fault.file.name, fault.place, fault.column) == ("interactions.csv", "line 4", column)
    assert told in str(fault)


def test_faults_of_both_tables_are_told_together_and_an_item_with_a_fault_is_not_unknown(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, ITEMS + "3,,\n3,Heat,\n", INTERACTIONS + "u,3,view,1,0\nu,1,,1,0\n,1,view,1,0\n")
    assert (fault.file.name, fault.place) == ("items.csv", "line 4")
    count, *kinds = fault.message.splitlines()
    assert count == "4 rows cannot be used"
    assert [kind.partition(str(tmp_path))[2] for kind in kinds] == [
        "/items.csv, line 4: item '3' has no text (text columns: title, maker)",
        "/items.csv, line 5, column 'item_id': '3' stands in line 4 too",
        "/interactions.csv, line 5, column 'event': it is empty",
        "/interactions.csv, line 6, column 'user_id': it is empty",
    ]
    assert fault.remedy == "fill at least one of them · give every item one row · fill it, or drop the row"


def test_a_row_that_cannot_be_read_hides_no_fault_before_or_behind_it(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, interactions=INTERACTIONS + "u,9,view,1,0\nu,1,view\nu,1,,1,0\n")
    assert [line.partition(", ")[2] for line in fault.message.splitlines()[1:]] == [
        "line 4, column 'item_id': item '9' is not in the items table",
        "line 5: 3 cells; the header has 5",
        "line 6, column 'event': it is empty",
    ]


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ("3,Alien, the third\n", "items.csv, line 4: 3 cells; the header has 2"),
        ('3,"Alien the third\n', "items.csv, line 4: the row that begins here is no CSV: "),
        (" ,Alien the third\n", "items.csv, line 4, column 'item_id': it is empty"),
    ],
    ids=["too many cells", "an open quote", "no id"],
)
def test_unknown_items_that_follow_from_an_unreadable_row_of_items_are_counted_behind_their_cause(
    tmp_path: Path, row: str, cause: str
) -> None:
    items = "item_id,title\n1,Alien\n2,Babe\n" + row
    fault = fault_of(tmp_path, items, INTERACTIONS + "u,3,view,1,0\nv,3,view,1,0\n" + "w,4,view,1,0\n")
    told, following = fault.message.splitlines()
    assert cause in told
    assert following == "3 rows name items that are not in what could be read of the items table"
    assert "skip-unknown" not in fault.remedy


def test_unknown_items_are_left_out_only_where_that_was_asked_for_and_an_empty_id_is_a_fault_all_the_same(
    tmp_path: Path,
) -> None:
    files = write(tmp_path, interactions=INTERACTIONS + "u,9,view,much,0\n")
    found = read_tables(*files, skip_unknown=True)
    assert (len(found.interactions), found.left_out) == (2, 1)
    files = write(tmp_path, interactions=INTERACTIONS + "u,,view,1,0\n")
    with pytest.raises(TableInvalid, match="it is empty"):
        read_tables(*files, skip_unknown=True)


def test_the_same_item_at_another_time_or_by_another_event_is_no_repetition(tmp_path: Path) -> None:
    more = "u,1,view,1,0\nu,1,buy,1,0\nv,1,view,1,0\n"
    assert len(read_tables(*write(tmp_path, interactions=INTERACTIONS + more)).interactions) == 5


def test_a_missing_column_of_the_interactions_is_named(tmp_path: Path) -> None:
    assert fault_of(tmp_path, interactions="user_id,item_id,event,weight\n").column == "time"


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableInvalid, match="does not exist"):
        read_items(tmp_path / "none.csv")
    with pytest.raises(TableInvalid, match=r"use \.csv, \.csv\.gz or \.parquet"):
        read_items(tmp_path / "items.xlsx")
    for name, content in (("latin.csv", b"item_id,title\n1,Am\xe9lie\n"), ("fake.parquet", b"PAR0")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TableInvalid, match="it is no"):
            read_items(tmp_path / name)


def test_parquet_gives_the_same_tables_as_csv(tmp_path: Path) -> None:
    expected = read_tables(*write(tmp_path))
    items = {"item_id": [1, 2], "title": ["Alien", "Babe"], "maker": ["Scott", None]}
    interactions = {
        "user_id": ["u", "u"],
        "item_id": [1, 2],
        "event": ["view", "skip"],
        "weight": [1.0, 0.0],
        "time": [datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)],
    }
    parquet.write_table(pyarrow.table(items), tmp_path / "items.parquet")
    parquet.write_table(pyarrow.table(interactions), tmp_path / "interactions.parquet")
    assert read_tables(tmp_path / "items.parquet", tmp_path / "interactions.parquet") == expected


def test_parquet_cells_are_what_a_person_would_write(tmp_path: Path) -> None:
    columns = {
        "item_id": [42.0, 7.0],
        "title": [b"Amelie", b"Babe"],
        "genres": [["Drama", "Comedy"], []],
        "price": [9.5, float("nan")],
        "__index_level_0__": [3, 1],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "items.parquet")
    assert read_items(tmp_path / "items.parquet") == [
        ItemRow("42", {"title": "Amelie", "genres": "Drama, Comedy", "price": "9.5"}),
        ItemRow("7", {"title": "Babe", "genres": "", "price": ""}),
    ]


@pytest.mark.parametrize(
    ("value", "told"), [({"de": "Kleid"}, "it is a structure: {'de': 'Kleid'}; give each"), (b"\xff", "no UTF-8")]
)
def test_parquet_cells_that_are_no_text_are_refused_with_their_place(tmp_path: Path, value: object, told: str) -> None:
    parquet.write_table(pyarrow.table({"item_id": ["1"], "title": [value]}), tmp_path / "items.parquet")
    with pytest.raises(TableInvalid, match="row 1, column 'title'") as caught:
        read_items(tmp_path / "items.parquet")
    assert told in str(caught.value)


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\n1,Alien\n\n2,Babe\n\n", encoding="utf-8")
    assert [item.item_id for item in read_items(tmp_path / "items.csv")] == ["1", "2"]


def test_a_compressed_table_is_read_and_a_broken_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress(ITEMS.encode())
    (tmp_path / "items.csv.gz").write_bytes(packed)
    assert read_items(tmp_path / "items.csv.gz") == read_items(write(tmp_path)[0])
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-10])
    with pytest.raises(TableInvalid, match="cannot be read to its end"):
        read_items(tmp_path / "cut.csv.gz")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\n1,Alien\n", encoding="utf-8-sig")
    assert read_items(tmp_path / "items.csv")[0].item_id == "1"


def test_seconds_and_iso_text_mean_the_same_moment() -> None:
    assert parse_time("0") == parse_time("1970-01-01T01:00:00+01:00")


def test_reading_data_needs_no_torch() -> None:
    code = "import sys, training.data.tables, training.data.movielens; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
