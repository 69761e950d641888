"""Rows of a file bear the place at which a person finds them; what cannot be read is told with it."""

import gzip
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from training.data.rows import read_rows
from training.errors import TableInvalid


def places(file: Path) -> list[str]:
    return [row.place() for row in read_rows(file, ("a",))]


def test_the_place_of_a_row_is_the_line_on_which_it_begins(tmp_path: Path) -> None:
    text = 'a,b\n1,x\n\n2,"two\nlines"\n3,y\n'
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.replace("\n", "\r\n").encode()))
    assert places(tmp_path / "t.csv") == places(tmp_path / "t.csv.gz") == ["line 2", "line 4", "line 6"]


def test_a_file_without_lines_counts_its_rows(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"a": ["1", "2"]}), tmp_path / "t.parquet")
    assert places(tmp_path / "t.parquet") == ["row 1", "row 2"]


@pytest.mark.parametrize(
    ("content", "place", "told"),
    [
        (b'a,b\n1,x\n2,"y\n3,z\n', "line 3", "unexpected end of data; close every quote"),
        (b'a,b\n1,x\n2,"y\n3,"z"\n', "line 3", "expected after"),
        (b'a,b\n1,x\n2,"' + b"y\n" * 70_000, "line 3", "field larger than field limit"),
        (b'a,"b\n1,x\n', "line 1", "unexpected end of data"),
        (b"a,b\n1,caf\xc3\xa9\n2,caf\xe9\n", "line 3", "it is no CSV in UTF-8: byte 0xE9 behind 5 characters"),
    ],
    ids=["open to the end", "closed by the next quote", "open for long", "open header", "another encoding"],
)
def test_what_cannot_be_read_is_told_with_the_line(tmp_path: Path, content: bytes, place: str, told: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(TableInvalid, match=told) as caught:
        places(tmp_path / "t.csv")
    assert caught.value.place == place


def test_a_row_with_too_many_cells_is_kept_aside_and_the_next_one_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x,y\n2,z\n", encoding="utf-8")
    kept: list[TableInvalid] = []
    assert [row.cells for row in read_rows(tmp_path / "t.csv", ("a",), kept.append)] == [{"a": "2", "b": "z"}]
    assert [one.place for one in kept] == ["line 2"]
