"""Faults of rows are counted by kind, and the first of each kind named."""

from pathlib import Path

import pytest

from training.data.faults import RowFaults
from training.data.rows import Row
from training.errors import TableInvalid


def row(number: int) -> Row:
    return Row(Path("t.csv"), number, {})


def of(*faults: tuple[int, str, str]) -> RowFaults:
    """Rows, what is wrong in the column x, remedies."""
    found = RowFaults()
    for number, message, remedy in faults:
        with found.of_row():
            raise row(number).fault("x", message, remedy)
    return found


def test_without_a_fault_nothing_is_refused() -> None:
    of().refuse()


def test_a_fault_alone_is_raised_as_it_is() -> None:
    with pytest.raises(TableInvalid, match=r"^t\.csv, line 7, column 'x': bad; mend it$"):
        of((7, "bad", "mend it")).refuse()


def test_faults_with_one_remedy_are_one_kind_in_the_order_of_the_rows() -> None:
    with pytest.raises(TableInvalid) as raised:
        of((1, "a", "mend"), (2, "b", "drop"), (3, "c", "mend"), (4, "d", "mend"), (5, "e", "mend")).refuse()
    assert raised.value.message.splitlines() == [
        "5 rows cannot be used",
        "4 × t.csv, line 1, column 'x': a; line 3: c; line 4: d; and 1 more",
        "1 × t.csv, line 2, column 'x': b",
    ]
    assert (raised.value.place, raised.value.column, raised.value.remedy) == ("line 1", "x", "mend · drop")


def test_a_fault_of_the_whole_file_is_raised_at_once() -> None:
    found = of((1, "a", "mend"))
    with pytest.raises(TableInvalid, match="no such column"), found.of_row():
        raise TableInvalid(Path("t.csv"), "", "x", "no such column", "add it")


def test_rows_end_where_the_table_cannot_be_read_any_more(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('x\n1\n"2\n3\n', encoding="utf-8")
    found = RowFaults()
    assert [one.number for one in found.rows(tmp_path / "t.csv", ("x",))] == [2]
    with pytest.raises(TableInvalid, match="line 3: the row that begins here is no CSV"):
        found.refuse()
