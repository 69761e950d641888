"""crossrank data: tables are fetched, checked, and refused with the place of the fault."""

import gzip
import zipfile
from pathlib import Path

from clients.command_line.shared.console import ExitCode
from tests.clients.command_line.program import crossrank
from training.data.tables import read_tables

ITEMS = "item_id,title\n1,Alien\n2,Babe\n"
INTERACTIONS = "user_id,item_id,event,weight,time\nu,1,view,1,0\nu,2,skip,0,60\n"


def tables(folder: Path, interactions: str = INTERACTIONS) -> tuple[Path, Path]:
    (folder / "items.csv").write_text(ITEMS, encoding="utf-8")
    (folder / "interactions.csv").write_text(interactions, encoding="utf-8")
    return folder / "items.csv", folder / "interactions.csv"


def movielens_copy(file: Path) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ml-100k/ml-100k.item", "item\ttitle\tyear\tclass\n1\tMatrix, The\t1999\tAction\n")
        archive.writestr("ml-100k/ml-100k.inter", "user\titem\trating\ttime\n7\t1\t4\t86400\n")
    return file


def test_good_tables_are_described(tmp_path: Path) -> None:
    items, interactions = tables(tmp_path)
    done = crossrank("data", "check", "--items", items, "--interactions", interactions, "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    assert done.document == {
        "items": 2,
        "interactions": 2,
        "left_out": 0,
        "positives": 1,
        "impressions": 0,
        "users": 1,
        "fields": ["title"],
        "folder": str(tmp_path),
    }


def test_a_fault_is_told_with_file_line_column_and_remedy(tmp_path: Path) -> None:
    items, interactions = tables(tmp_path, INTERACTIONS + "u,9,view,1,0\n")
    done = crossrank("data", "check", "--items", items, "--interactions", interactions)
    assert done.exit_code == ExitCode.FAILURE
    told = " ".join(done.notes.split())
    assert "line 4, column 'item_id'" in told
    assert "try: add the item, or drop the row" in told
    assert "Traceback" not in done.notes


def test_all_kinds_of_fault_are_told_at_once_with_counts_and_the_first_rows(tmp_path: Path) -> None:
    lines = "".join(f"u,unknown{number},view,1,0\n" for number in range(9))
    items, interactions = tables(tmp_path, INTERACTIONS + lines + "u,1,view,much,0\n")
    done = crossrank("data", "check", "--items", items, "--interactions", interactions)
    assert done.exit_code == ExitCode.FAILURE
    told = " ".join(done.notes.split())
    assert "error: 10 rows cannot be used 9 × " in told
    assert "interactions.csv, line 4, column 'item_id': item 'unknown0' is not in the items table" in told
    assert "line 6: item 'unknown2' is not in the items table; and 6 more" in told
    assert "unknown3" not in told
    assert "1 × " in told
    assert "column 'weight': 'much' cannot be read" in told
    assert "crossrank index --skip-unknown leaves such rows out · write a number of 0 or more" in told


def test_without_tables_the_data_set_of_the_state_is_checked(tmp_path: Path) -> None:
    copy = movielens_copy(tmp_path / "ml-100k.zip")
    written = crossrank("data", "movielens-100k", "--from", copy, "--state-dir", tmp_path / "state", "--json")
    checked = crossrank("data", "check", "--state-dir", tmp_path / "state", "--json")
    assert checked.exit_code == ExitCode.OK, checked.notes
    assert checked.document == written.document


def test_one_table_alone_is_not_checked(tmp_path: Path) -> None:
    items, _ = tables(tmp_path)
    done = crossrank("data", "check", "--items", items, "--state-dir", tmp_path / "state")
    assert done.exit_code == ExitCode.FAILURE
    assert "give both --items and --interactions, or neither" in done.notes


def test_interactions_with_unknown_items_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    items, interactions = tables(tmp_path, INTERACTIONS + "u,9,view,1,0\nv,8,view,1,0\n")
    done = crossrank("data", "check", "--items", items, "--interactions", interactions, "--skip-unknown", "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    assert (done.document["interactions"], done.document["left_out"]) == (2, 2)


def test_an_own_copy_of_movielens_becomes_tables(tmp_path: Path) -> None:
    copy = movielens_copy(tmp_path / "ml-100k.zip")
    done = crossrank("data", "movielens-100k", "--from", copy, "--state-dir", tmp_path / "state", "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    folder = tmp_path / "state" / "data" / "movielens-100k"
    written = read_tables(folder / "items.csv", folder / "interactions.csv")
    assert written.items[0].fields["title"] == "The Matrix"
    assert done.document["positives"] == 1


def test_a_folder_without_movielens_is_refused_with_a_remedy(tmp_path: Path) -> None:
    done = crossrank("data", "movielens-100k", "--from", tmp_path, "--state-dir", tmp_path / "state")
    assert done.exit_code == ExitCode.FAILURE
    assert "give the folder or the archive that holds them" in " ".join(done.notes.split())
    assert not (tmp_path / "state" / "data").exists()


def test_a_copy_of_goodbooks_becomes_tables(tmp_path: Path) -> None:
    items = 'item_id,title,authors,year,language,genres\n1,"Foundation (Foundation, #1)",Isaac Asimov,1951,eng,sci-fi\n'
    (tmp_path / "mini_items.csv.gz").write_bytes(gzip.compress(items.encode()))
    ratings = "order,user_id,item_id,rating\n0,7,1,5\n"
    (tmp_path / "mini_interactions.csv.gz").write_bytes(gzip.compress(ratings.encode()))
    done = crossrank("data", "goodbooks", "--data-dir", tmp_path, "--mini", "--state-dir", tmp_path, "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    folder = tmp_path / "data" / "goodbooks-mini"
    written = read_tables(folder / "items.csv", folder / "interactions.csv")
    assert (written.items[0].fields["title"], written.items[0].fields["volume"]) == ("Foundation", "1")
    assert done.document["positives"] == 1


def test_a_folder_without_goodbooks_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    done = crossrank("data", "goodbooks", "--data-dir", tmp_path, "--state-dir", tmp_path / "state")
    assert done.exit_code == ExitCode.FAILURE
    assert "has no items.csv.gz and no interactions.csv.gz" in " ".join(done.notes.split())
    assert not (tmp_path / "state" / "data").exists()
