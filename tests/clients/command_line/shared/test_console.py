"""How every command speaks."""

import io
import json
import re
import time

import pytest
import typer
from rich.console import Console
from rich.text import Text

from clients.command_line.shared import console, progress
from clients.command_line.shared.console import ExitCode


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written on standard error."""
    stream = io.StringIO()
    monkeypatch.setattr(console, "notes", Console(file=stream, width=200))
    return stream


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written on standard output by tables."""
    stream = io.StringIO()
    monkeypatch.setattr(console, "results", Console(file=stream, width=60, highlight=False))
    return stream


def test_a_document_for_a_pipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_json({"title": "Amélie", "ranks": [1, 2]})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == {"title": "Amélie", "ranks": [1, 2]}
    assert "Amélie" in printed


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        console.print_json({"score": float("nan")})


def test_text_in_tables_is_never_read_as_markup(results: io.StringIO) -> None:
    console.print_table(("title",), [["Heat [1995]"], ["[bold]plain[/bold] :smile:"]])
    assert "Heat [1995]" in results.getvalue()
    assert "[bold]plain[/bold] :smile:" in results.getvalue()


def test_long_cells_are_folded_and_never_cut(results: io.StringIO) -> None:
    address = "postgresql://crossrank@127.0.0.1:5433/" + "x" * 80
    console.print_table(("part", "address"), [["postgres", Text(address)]], title="parts")
    assert "".join(results.getvalue().split()) == f"partspartaddresspostgres{address}"


def test_an_error_is_told_with_its_remedy(notes: io.StringIO) -> None:
    console.print_failure("port [8001] is taken", "crossrank down")
    assert notes.getvalue() == "error: port [8001] is taken\n  try: crossrank down\n"


def test_an_error_without_a_remedy_is_one_line(notes: io.StringIO) -> None:
    console.print_failure("no such thing")
    assert notes.getvalue() == "error: no such thing\n"


@pytest.mark.parametrize("code", list(ExitCode))
def test_leaving_tells_the_shell_the_code(code: ExitCode) -> None:
    with pytest.raises(typer.Exit) as left:
        console.leave(code)
    assert left.value.exit_code == code


def test_progress_shows_what_was_done_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(console, "notes", Console(file=stream, force_terminal=True, width=120))
    with console.progress_bar("embedding", total=4) as advance:
        advance(3)
        advance.describe("storing", total=4)
        advance()
    assert "storing" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def lines_of(notes: io.StringIO, *, quiet: bool) -> list[str]:
    """What is said of four steps, once a look at the work found all of them done."""
    with console.progress_bar("embedding", total=4, quiet=quiet) as advance:
        advance(4)
        while not (quiet or notes.getvalue()):
            time.sleep(0)
    return re.sub(r"\d+ s", "N s", notes.getvalue()).splitlines()


def test_progress_is_a_plain_line_now_and_then_where_there_is_no_terminal(
    notes: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "TICK_S", 0.001)
    assert lines_of(notes, quiet=False) == ["embedding: 4 of 4, after N s", "embedding: ended after N s"]
    assert capsys.readouterr().out == ""


def test_progress_is_silent_with_json(notes: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TICK_S", 0.001)
    assert lines_of(notes, quiet=True) == []


def test_short_work_is_no_line(notes: io.StringIO) -> None:
    with console.progress_bar("embedding", total=2) as advance:
        advance(2)
    assert notes.getvalue() == ""
