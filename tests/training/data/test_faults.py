"""Faults of rows are counted by kind, and the first of each kind named."""

from collections.abc import Iterator
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
    with pytest.raises(TableInvalid, match=r"^t\.csv, row 7, column 'x': bad; mend it$"):
        of((7, "bad", "mend it")).refuse()


def test_faults_with_one_remedy_are_one_kind_in_the_order_of_the_rows() -> None:
    with pytest.raises(TableInvalid) as raised:
        of((1, "a", "mend"), (2, "b", "drop"), (3, "c", "mend"), (4, "d", "mend"), (5, "e", "mend")).refuse()
    assert raised.value.message.splitlines() == [
        "5 rows cannot be used",
        "4 × t.csv, row 1, column 'x': a; row 3: c; row 4: d; and 1 more",
        "1 × t.csv, row 2, column 'x': b",
    ]
    assert (raised.value.row, raised.value.column, raised.value.remedy) == (1, "x", "mend · drop")


def test_a_fault_of_the_whole_file_is_raised_at_once() -> None:
    with pytest.raises(TableInvalid, match="no such column"):
        of((1, "a", "mend"), (0, "no such column", "add it"))


def test_rows_end_where_the_table_cannot_be_read_any_more() -> None:
    def broken() -> Iterator[Row]:
        yield row(1)
        raise row(2).fault("", "3 cells", "quote")

    found = RowFaults()
    assert [one.number for one in found.rows(broken())] == [1]
    with pytest.raises(TableInvalid, match="row 2: 3 cells"):
        found.refuse()
