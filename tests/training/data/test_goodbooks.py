"""goodbooks as tables: series and volume out of titles, order as time; the protocol on small and real files."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.paths import SHARED_DATA
from training.data import goodbooks
from training.errors import DataUnavailable, TableInvalid
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

SHARED = SHARED_DATA / "goodbooks"
HEADER = "item_id,title,authors,year,language,genres\n"
RATINGS = "order,user_id,item_id,rating\n"


def write(folder: Path, items: str, ratings: str, prefix: str = "") -> Path:
    (folder / f"{prefix}items.csv.gz").write_bytes(gzip.compress((HEADER + items).encode()))
    (folder / f"{prefix}interactions.csv.gz").write_bytes(gzip.compress((RATINGS + ratings).encode()))
    return folder


@pytest.mark.parametrize(
    ("printed", "parts"),
    [
        ("The Hunger Games (The Hunger Games, #1)", ("The Hunger Games", "The Hunger Games", "1")),
        ("Until You (Fall Away, #1.5)", ("Until You", "Fall Away", "1.5")),
        ("The Foundation Trilogy (Foundation #1-3)", ("The Foundation Trilogy", "Foundation", "1-3")),
        ("Equal Rites (Discworld, #3; Witches #1)", ("Equal Rites", "Discworld", "3")),
        ("Night Play (Dark-Hunter #5, Were-Hunter #1)", ("Night Play", "Dark-Hunter", "5")),
        ("Judy Moody (Judy Moody, # 1)", ("Judy Moody", "Judy Moody", "1")),
        ("Hit List (Anita Blake, Vampire Hunter #20)", ("Hit List", "Anita Blake, Vampire Hunter", "20")),
        ("Sabriel  (Abhorsen,  #1)", ("Sabriel", "Abhorsen", "1")),
        ("Three  (A (or B) Story)", ("Three (A (or B) Story)", "", "")),
        ("Saga #1", ("Saga #1", "", "")),
        ("Dracula (Marvel Illustrated)", ("Dracula (Marvel Illustrated)", "", "")),
        ("To Kill a Mockingbird", ("To Kill a Mockingbird", "", "")),
    ],
)
def test_series_and_volume_are_taken_from_the_printed_title(printed: str, parts: tuple[str, str, str]) -> None:
    assert goodbooks.split_title(printed) == parts


def test_a_book_has_its_text_in_fields_and_a_rating_its_place_as_time(tmp_path: Path) -> None:
    book = '7,"Emma (Austen, #4)","Jane Austen, Fiona    Stafford",1815,eng,classics|love\n8,Beowulf,,-750,,\n'
    tables = goodbooks.from_folder(write(tmp_path, book, "86400,u,7,4\n86401,u,8,3\n"))
    assert tables.items[0].fields == {
        "title": "Emma",
        "series": "Austen",
        "volume": "4",
        "authors": "Jane Austen, Fiona Stafford",
        "year": "1815",
        "genres": "classics, love",
    }
    assert tables.items[1].fields["year"] == "-750"
    assert [(one.user_id, one.item_id, one.weight) for one in tables.interactions] == [("u", "7", 1.0), ("u", "8", 0.0)]
    assert tables.interactions[0].time == datetime(1970, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ratings", "column", "told"),
    [
        ("0,u,9,4\n", "item_id", "book '9' is not among the items"),
        ("0,u,1,good\n", "rating", "write a rating of 1 to 5"),
        ("soon,u,1,4\n", "order", "write a whole number"),
        ("0,,1,4\n", "user_id", "is empty"),
    ],
)
def test_a_damaged_copy_is_refused_with_line_and_column(tmp_path: Path, ratings: str, column: str, told: str) -> None:
    with pytest.raises(TableInvalid, match=told) as caught:
        goodbooks.from_folder(write(tmp_path, "1,Emma,Austen,1815,eng,love\n", ratings))
    assert (caught.value.place, caught.value.column) == ("line 2", column)


def test_a_folder_without_the_files_names_those_that_miss(tmp_path: Path) -> None:
    write(tmp_path, "1,Emma,,,,\n", "0,u,1,4\n", prefix="mini_")
    with pytest.raises(DataUnavailable, match=r"no items\.csv\.gz and no interactions\.csv\.gz"):
        goodbooks.from_folder(tmp_path)
    assert len(goodbooks.from_folder(tmp_path, mini=True).items) == 1


def check_protocol(data: Dataset, positives: dict[str, list[str]], met: dict[str, list[str]]) -> None:
    """Against the lines of the file: last five positives, the five before, nothing that was met before."""
    assert set(data.evaluated_users) == {user for user, liked in positives.items() if len(liked) >= 20}
    for user in data.evaluated_users:
        test, valid = data.case(user, Phase.TEST), data.case(user, Phase.VALID)
        assert test.targets == tuple(positives[user][-5:])
        assert valid.targets == tuple(positives[user][-10:-5])
        assert test.history.oldest_first == tuple(positives[user][:-5])
        assert test.seen == set(met[user][: met[user].index(test.targets[0])])


def lines_of(file: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Positives and all books of each user, in file order, read without the code under test."""
    positives: dict[str, list[str]] = {}
    met: dict[str, list[str]] = {}
    for line in gzip.decompress(file.read_bytes()).decode().splitlines()[1:]:
        _, user, item, rating = line.split(",")
        met.setdefault(user, []).append(item)
        if int(rating) >= 4:
            positives.setdefault(user, []).append(item)
    return positives, met


def small_folder(folder: Path) -> Path:
    """Users with more than enough positives, with exactly enough, and with too few."""
    items = "".join(f"{number},Book {number},A,2000,eng,x\n" for number in range(40))
    likes = {"many": range(31), "exact": range(29), "few": range(20)}
    rows = [(user, place) for place in range(31) for user, mine in likes.items() if place in mine]
    ratings = "".join(
        f"{order},{user},{(place * 7) % 40},{2 if place % 3 == 2 else 4 + place % 2}\n"
        for order, (user, place) in enumerate(rows)
    )
    return write(folder, items, ratings, prefix="mini_")


@pytest.mark.parametrize("copy", [None, *([SHARED] if (SHARED / "mini_items.csv.gz").is_file() else [])])
def test_the_protocol_holds(tmp_path: Path, copy: Path | None) -> None:
    folder = copy or small_folder(tmp_path)
    tables = goodbooks.from_folder(folder, mini=True)
    data = Dataset(tables, Protocol())
    check_protocol(data, *lines_of(folder / "mini_interactions.csv.gz"))
    users = len({row.user_id for row in tables.interactions})
    assert (users, len(data.evaluated_users)) == ((3, 2) if copy is None else (300, 293))
    assert sum("(" in item.fields["title"] and "#" in item.fields["title"] for item in data.items) <= 1
