"""Every event is one JSON line that names the request, and no text of a user is in it."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from gateway.telemetry.logs import LONGEST_VALUE, configure_logging


@pytest.fixture
def stream() -> Iterator[StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    configure_logging("info", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_with_time_level_and_request(stream: StringIO) -> None:
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger("gateway.test").info("listed", items=3)
    (line,) = lines(stream)
    assert (line["event"], line["items"], line["level"], line["logger"]) == ("listed", 3, "info", "gateway.test")
    assert line["request_id"] == "r-1"
    assert line["timestamp"].endswith("Z")


def test_libraries_that_use_standard_logging_are_written_the_same_way(stream: StringIO) -> None:
    logging.getLogger("psycopg.pool").warning("connection %s lost", 7)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("connection 7 lost", "warning", "psycopg.pool")


def test_levels_below_the_one_asked_for_are_silent(stream: StringIO) -> None:
    structlog.get_logger("gateway.test").debug("noise")
    logging.getLogger("library").debug("noise")
    assert stream.getvalue() == ""


def test_a_library_that_sets_a_level_of_its_own_is_no_louder_than_asked_for(stream: StringIO) -> None:
    configure_logging("error", stream)
    library = logging.getLogger("tests.library")
    library.setLevel(logging.WARNING)
    library.warning("noise")
    assert stream.getvalue() == ""
    library.error("trouble")
    assert [line["event"] for line in lines(stream)] == ["trouble"]


@pytest.mark.parametrize("value", ["two\nlines", "\x1b[31mred", "%s %d", '","level":"fake', "\u2028", "\u202e"])
def test_no_value_can_forge_a_line_or_a_field(stream: StringIO, value: str) -> None:
    structlog.get_logger("gateway.test").warning("refused", item_id=value)
    (line,) = lines(stream)
    assert (line["item_id"], line["level"]) == (value, "warning")
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("\n") == 1


def test_a_long_value_is_cut(stream: StringIO) -> None:
    structlog.get_logger("gateway.test").info("long", item_id="x" * 1_000_000)
    (line,) = lines(stream)
    assert line["item_id"] == "x" * LONGEST_VALUE + "… (1000000 characters)"


def fail() -> None:
    """Raises an error that quotes what a user typed, caused by another that does."""
    try:
        int("canary one")
    except ValueError as error:
        raise KeyError("canary two") from error


@pytest.mark.parametrize("library", [False, True])
def test_an_exception_is_logged_by_class_and_place_but_not_by_its_words(stream: StringIO, library: bool) -> None:
    try:
        fail()
    except KeyError:
        if library:
            logging.getLogger("library").exception("it broke")
        else:
            structlog.get_logger("gateway.test").exception("it broke")
    (line,) = lines(stream)
    assert line["exception"] == ["builtins.KeyError", "builtins.ValueError"]
    assert any("test_logs.py" in frame and frame.endswith(" fail") for frame in line["frames"])
    assert "canary" not in stream.getvalue()


def test_an_exception_given_as_a_value_is_logged_the_same_way(stream: StringIO) -> None:
    structlog.get_logger("gateway.test").error("it broke", exc_info=ValueError("canary"))
    (line,) = lines(stream)
    assert line["exception"] == ["builtins.ValueError"]
    assert "canary" not in stream.getvalue()
