"""crossrank train on the user's own tables: every kind of fault is told with its place, and nothing is left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clients.command_line.main import main
from clients.command_line.shared.console import ExitCode
from tests.training.synthetic import synthetic_tables
from training.data.impressions import IMPRESSION_COLUMNS
from training.data.tables import write_tables

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow

Change = Callable[[str], str]
Refused = Callable[[Path], str]
CONFIG = "[protocol]\nmin_positives = 12\nheld_out = 3\n"


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file.name}: nothing would be spoilt"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(file: Path, row: int) -> str:
    return file.read_text(encoding="utf-8").splitlines()[row]


@pytest.mark.parametrize(
    ("table", "row", "change", "told"),
    [
        ("interactions", 0, lambda line: line.replace("time", "when"), "column 'time': the column is missing"),
        ("items", 0, lambda line: line.replace("item_id", "id"), "column 'item_id': the column is missing"),
        ("interactions", 3, lambda line: line.replace(",i", ",unknown"), "line 4, column 'item_id': item 'unknown"),
        ("items", 2, lambda line: f"{line}\n{line}", "line 4, column 'item_id': 'i1' stands in line 3 too"),
        (
            "interactions",
            2,
            lambda line: f"{line}\n{line}",
            "line 4, column 'item_id': user 'u0', item, event and time",
        ),
        ("interactions", 5, lambda line: line[: line.rindex(",")] + ",soon", "line 6, column 'time': 'soon'"),
        ("items", 4, lambda _: "i3,,", "line 5: item 'i3' has no text (text columns: title, genre)"),
    ],
    ids=["no time", "no item id", "unknown item", "item twice", "interaction twice", "bad time", "empty text"],
)
def test_a_malformed_table_is_told_with_its_place(
    tmp_path: Path, refused: Refused, table: str, row: int, change: Change, told: str
) -> None:
    write_tables(tmp_path / "data", synthetic_tables(users=4))
    file = tmp_path / "data" / f"{table}.csv"
    line = line_of(file, row)
    spoil(file, line, change(line))
    notes = refused(tmp_path)
    assert f"{table}.csv" in notes
    assert told in notes


@pytest.mark.whole
def test_two_users_are_too_few_to_learn_from(tmp_path: Path, refused: Refused) -> None:
    write_tables(tmp_path / "data", synthetic_tables(users=2))
    assert "2 of 2 users have 12 positives or more; at least 10 such users are needed" in refused(tmp_path)


def test_an_impression_of_an_unknown_item_is_told_with_its_place(tmp_path: Path, refused: Refused) -> None:
    write_tables(tmp_path / "data", synthetic_tables(users=4))
    lines = [",".join(IMPRESSION_COLUMNS), "t,u0,0,i1,1,1,,0,1", "t,u0,0,gone,2,2,,0,1"]
    (tmp_path / "data" / "impressions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert "impressions.csv, line 3, column 'item_id': item 'gone' is not in the items table" in refused(tmp_path)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Trains in this process and gives what is told, on one line; no run is begun and no table is changed."""

    def train(folder: Path) -> str:
        (folder / "tiny.toml").write_text(CONFIG, encoding="utf-8")
        before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        tables = ["--items", folder / "data" / "items.csv", "--interactions", folder / "data" / "interactions.csv"]
        if (folder / "data" / "impressions.csv").is_file():
            tables += ["--impressions", folder / "data" / "impressions.csv"]
        command = ["crossrank", "train", "--config", folder / "tiny.toml", "--run", folder / "run", *tables]
        monkeypatch.setattr("sys.argv", [str(part) for part in command])
        monkeypatch.setenv("COLUMNS", "1000")  # a path is not broken into two
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert ended.value.code == ExitCode.FAILURE, told.err
        assert "try:" in told.err
        assert told.out == ""
        assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
        return " ".join(told.err.split())

    return train
