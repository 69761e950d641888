"""MovieLens 100K from recbole's files, from the original, from archives; titles as people write them."""

import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from training.data import movielens
from training.errors import DataUnavailable

FLAGS = "|".join("1" if name in {"Action", "Sci-Fi"} else "0" for name in movielens._GENRES)
ORIGINAL = {
    "u.item": f"1|Matrix, The (1999)|01-Jan-1999||http://x|{FLAGS}\n2|Amélie|||http://y|{FLAGS}\n".encode("latin-1"),
    "u.data": b"7\t1\t4\t86400\n7\t2\t3\t86401\n",
}
RECBOLE = {
    "ml-100k.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tMatrix, The\t1999\tAction Sci-Fi\n2\tAmélie\t\tAction Sci-Fi\n"
    ).encode(),
    "ml-100k.inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t1\t4\t86400\n7\t2\t3\t86401\n",
}


def unpack(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def pack(file: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"ml-100k/{name}", content)
    return file


@pytest.mark.parametrize(
    ("moved", "natural"),
    [
        ("Matrix, The", "The Matrix"),
        ("Beautiful Thing, A", "A Beautiful Thing"),
        ("Avventura, L'", "L'Avventura"),
        ("Horseman on the Roof, The (Hussard sur le toit, Le)", "The Horseman on the Roof (Hussard sur le toit, Le)"),
        ("Corrina, Corrina", "Corrina, Corrina"),
        ("  Paris,   Texas ", "Paris, Texas"),
    ],
)
def test_an_article_stands_where_people_write_it(moved: str, natural: str) -> None:
    assert movielens.normalise_title(moved) == natural


@pytest.mark.parametrize("files", [ORIGINAL, RECBOLE], ids=["original", "recbole"])
def test_both_forms_give_the_same_tables(tmp_path: Path, files: dict[str, bytes]) -> None:
    tables = movielens.from_path(unpack(tmp_path, files))
    assert [dict(item.fields) for item in tables.items] == [
        {"title": "The Matrix", "year": "1999", "genres": "Action Sci-Fi"},
        {"title": "Amélie", "year": "", "genres": "Action Sci-Fi"},
    ]
    assert [(one.user_id, one.item_id, one.weight) for one in tables.interactions] == [("7", "1", 1.0), ("7", "2", 0.0)]
    assert tables.interactions[0].time == datetime(1970, 1, 2, tzinfo=UTC)


def test_an_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    archive = pack(tmp_path / "ml-100k.zip", ORIGINAL)
    (tmp_path / "unpacked").mkdir()
    assert movielens.from_path(archive) == movielens.from_path(unpack(tmp_path / "unpacked", ORIGINAL))


def test_a_wheel_that_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    pack(tmp_path / "recbole-1.2.1-py3-none-any.whl", RECBOLE)
    assert len(movielens.from_recbole(tmp_path).items) == 2


def test_what_is_no_movielens_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="neither ml-100k"):
        movielens.from_path(tmp_path)
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(DataUnavailable, match="no zip archive"):
        movielens.from_path(tmp_path / "broken.zip")
    with pytest.raises(DataUnavailable, match="not MovieLens 100K as published"):
        movielens.from_path(pack(tmp_path / "short.zip", {**ORIGINAL, "u.data": b"7\t1\n"}))
    with pytest.raises(DataUnavailable, match="cannot be read"):
        movielens.from_path(tmp_path / "missing.zip")


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server that has the archive at /ml-100k.zip."""
    content = pack(tmp_path / "served.zip", ORIGINAL).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/ml-100k.zip"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(content if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        thread.join()


def test_the_official_address_is_really_asked(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens, "OFFICIAL_ADDRESS", f"{address}/ml-100k.zip")
    assert len(movielens.from_official_address().interactions) == 2


def test_an_address_that_does_not_answer_names_the_other_ways(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movielens, "OFFICIAL_ADDRESS", f"{address}/gone.zip")
    with pytest.raises(DataUnavailable, match="--source recbole"):
        movielens.from_official_address()
