"""Logs: the present run's lines, and its problems first."""

from pathlib import Path

import pytest

from deploy.local.process.logs import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "part.log")


def test_a_log_that_does_not_exist_says_nothing(log: Log) -> None:
    assert log.last_lines() == []
    assert log.problems() == ""


def test_only_the_present_run_is_told(log: Log) -> None:
    log.file.write_text("ERROR: of yesterday\n")
    log.begin()
    with log.file.open("a") as file:
        file.write("started\n")
    assert log.last_lines() == ["started"]
    assert log.problems() == "started"


@pytest.mark.parametrize(
    "line",
    [
        "E1123 21:18:33.592166 11864 model.cc:241] weights are missing",
        "2026-11-23 21:01:01 UTC [1] FATAL:  could not bind",
        "error: creating server: Internal - failed to load all models",
        "RuntimeError: no such file",
        "Traceback (most recent call last):",
    ],
)
def test_errors_are_told_before_what_follows_them(log: Log, line: str) -> None:
    log.file.write_text("I1123 starting\n" + line + "\n" + "I1123 stopping\n" * 20)
    assert log.problems() == line


def test_the_last_errors_are_told_when_there_are_many(log: Log) -> None:
    log.file.write_text("".join(f"ERROR {number}\n" for number in range(50)))
    assert log.problems(count=2) == "ERROR 48\nERROR 49"


def test_long_lines_are_cut(log: Log) -> None:
    log.file.write_text("ERROR " + "x" * 10_000 + "\n")
    assert len(log.problems()) == 400


def test_a_huge_log_is_read_from_its_end(log: Log) -> None:
    log.file.write_text("ERROR of long ago\n" + "fine\n" * 200_000)
    assert log.problems(count=1) == "fine"


def test_bytes_that_are_no_text_do_not_hide_the_rest(log: Log) -> None:
    log.file.write_bytes(b"\xff\xfe\nERROR: broken\n")
    assert log.problems() == "ERROR: broken"
