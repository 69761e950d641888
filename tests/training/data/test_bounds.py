"""What a server would refuse to index is refused where a table is read, with its place: before anything is trained."""

from pathlib import Path

import pytest

from gateway.domain.limits import Limits
from training.data.tables import read_items, read_tables
from training.errors import TableInvalid

HEADER = "user_id,item_id,event,weight,time\n"
ITEMS = "item_id,title\n1,Alien\n"


def fault_of(folder: Path, items: str = ITEMS, interactions: str = HEADER) -> TableInvalid:
    (folder / "items.csv").write_text(items, encoding="utf-8")
    (folder / "interactions.csv").write_text(interactions, encoding="utf-8")
    with pytest.raises(TableInvalid) as caught:
        read_tables(folder / "items.csv", folder / "interactions.csv")
    return caught.value


@pytest.mark.parametrize(
    ("items", "place", "column", "told"),
    [
        (f"{ITEMS}{'i' * 257},Babe\n", "line 3", "item_id", "received 257 UTF-8 bytes; at most 256; shorten it"),
        (f'{ITEMS}"a\tb",Babe\n', "line 3", "item_id", "received U+0009 at position 1"),
        (f"{ITEMS}2,a\0b\n", "line 3", "title", "received U+0000 at position 1"),
        (f"{ITEMS}2,{'é' * 4097}\n", "line 3", "title", "received 8194 UTF-8 bytes; at most 8192"),
        ("item_id,the title\n1,a\n", "", "the title", "received U+0020 at position 3; only letters A-Z"),
        ("item_id,b c,a d,e f\n1,x,y,z\n", "", "b c", "received U+0020 at position 1"),
        ("item_id,größe\n1,a\n", "", "größe", "received U+00F6 at position 2"),
        (",item_id,title\n0,1,a\n", "", "", "a column has no name; name it, or leave it out; what pandas writes"),
        (f"item_id,{','.join(f'f{n}' for n in range(33))}\n1{',a' * 33}\n", "", "", "received 33 fields; 0 to 32"),
    ],
)
def test_items_that_could_not_be_indexed_are_named(
    tmp_path: Path, items: str, place: str, column: str, told: str
) -> None:
    fault = fault_of(tmp_path, items)
    assert (fault.file.name, fault.place, fault.column) == ("items.csv", place, column)
    assert told in str(fault)


@pytest.mark.parametrize(
    ("line", "column", "told"),
    [
        (f"{'u' * 257},1,view,1,0", "user_id", "received 257 UTF-8 bytes; at most 256"),
        ("u,1,add to cart,1,0", "event", "received U+0020 at position 3; only letters A-Z and a-z, digits"),
        (f"u,1,{'e' * 65},1,0", "event", "received 65 UTF-8 bytes; at most 64"),
    ],
)
def test_interactions_that_could_not_be_recorded_are_named(tmp_path: Path, line: str, column: str, told: str) -> None:
    fault = fault_of(tmp_path, interactions=f"{HEADER}v,1,view,1,0\n{line}\n")
    assert (fault.file.name, fault.place, fault.column) == ("interactions.csv", "line 3", column)
    assert told in str(fault)


def test_the_largest_legal_rows_are_read(tmp_path: Path) -> None:
    limits = Limits()
    item_id, name = "i" * limits.max_id_bytes, "t" * limits.max_name_bytes
    (tmp_path / "items.csv").write_text(f"item_id,{name}\n{item_id},{'x' * limits.max_field_bytes}\n")
    line = f"{'u' * limits.max_id_bytes},{item_id},{'e' * limits.max_name_bytes},1,0\n"
    (tmp_path / "interactions.csv").write_text(HEADER + line)
    tables = read_tables(tmp_path / "items.csv", tmp_path / "interactions.csv")
    assert len(tables.items[0].fields[name]) == limits.max_field_bytes
    assert len(tables.interactions) == 1


def test_white_space_that_is_folded_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(f"item_id,title\n1,a{' ' * 9000}b\n")
    assert read_items(tmp_path / "items.csv")[0].fields == {"title": "a b"}
