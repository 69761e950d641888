"""Files are whole or not there, and nothing else is left beside them."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.files import (
    clear_leftovers,
    read_json_lines,
    replace_bytes,
    replace_json,
    replace_json_lines,
    replace_text,
    replacing,
    sha256_of,
)

ROWS = [{"name": "Amélie\u2028\x85", "scores": [1.5, None]}, {"name": "a\nb"}, []]


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that has content already."""
    (tmp_path / "file.json").write_text("old")
    return tmp_path / "file.json"


def test_new_content_takes_the_place_of_the_old(file: Path) -> None:
    replace_text(file, "Amélie\r\n")
    assert file.read_bytes() == "Amélie\r\n".encode()
    replace_bytes(file, b"\x00\xff")
    assert file.read_bytes() == b"\x00\xff"
    assert names(file.parent) == ["file.json"]


def test_a_reader_sees_the_old_content_until_the_new_is_whole(file: Path) -> None:
    with replacing(file) as fresh:
        fresh.write_text("half")
        assert file.read_text() == "old"
        assert fresh.suffix == file.suffix, "numpy adds an ending of its own to any other"
        fresh.write_text("new")
    assert file.read_text() == "new"


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_content_and_nothing_else(file: Path, failure: type[BaseException]) -> None:
    def interrupted() -> None:
        with replacing(file) as fresh:
            fresh.write_text("half")
            raise failure

    with pytest.raises(failure):
        interrupted()
    assert file.read_text() == "old"
    assert names(file.parent) == ["file.json"]


def test_what_a_killed_writer_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    kept = {".hidden", "12345678-plain", ".12345-short"}
    for name in (*kept, ".0badcafe-left.json"):
        (tmp_path / name).touch()
    clear_leftovers(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == kept


def test_two_writers_of_one_file_do_not_mix(file: Path) -> None:
    with replacing(file) as first, replacing(file) as second:
        first.write_text("first")
        second.write_text("second")
    assert file.read_text() == "first"
    assert names(file.parent) == ["file.json"]


def test_content_and_name_are_on_disk_before_the_writer_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, str]] = []

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), file.read_text()))

    monkeypatch.setattr(os, "fsync", fsync)
    replace_text(file, "new")
    assert synced == [(False, "old"), (True, "new")]


@pytest.mark.parametrize("mode", [0o600, 0o700])
def test_a_file_is_as_open_as_asked_and_never_more(file: Path, mode: int) -> None:
    with replacing(file, mode=mode) as fresh:
        assert fresh.stat().st_mode & 0o777 == mode
    assert file.stat().st_mode & 0o777 == mode


def test_a_document_is_readable_text(file: Path) -> None:
    replace_json(file, {"name": "Amélie", "n": 1}, indent=1)
    assert file.read_text(encoding="utf-8") == '{\n "name": "Amélie",\n "n": 1\n}\n'


def test_numbers_that_are_not_finite_can_be_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        replace_json(file, [float("nan")], allow_nan=False)
    assert file.read_text() == "old"


def test_rows_come_back_as_written_one_a_line(file: Path) -> None:
    replace_json_lines(file, ROWS)
    assert file.read_bytes().count(b"\n") == len(ROWS)
    assert list(read_json_lines(file)) == ROWS


def test_a_row_that_cannot_be_written_leaves_the_old_rows(file: Path) -> None:
    rows: list[Any] = [{}, object()]
    with pytest.raises(TypeError, match="not JSON serializable"):
        replace_json_lines(file, rows)
    assert file.read_text() == "old"
    assert names(file.parent) == ["file.json"]


def test_a_digest_tells_files_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "other").write_bytes(b"x")
    assert sha256_of(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of(tmp_path / "empty") != sha256_of(tmp_path / "other")
