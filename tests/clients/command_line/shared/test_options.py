"""Options that commands share: a dataclass stands for one option per field, and the command gets it whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from clients.command_line.shared.console import ExitCode
from clients.command_line.shared.options import with_grouped_options


@dataclass(frozen=True, slots=True)
class Place:
    """Where."""

    city: Annotated[str, typer.Option(help="Name of the city.")] = "Lund"
    floor: Annotated[int, typer.Option("--storey", help="Counted from 0.", min=0)] = 0


@dataclass(frozen=True, slots=True)
class Look:
    """How."""

    file: Annotated[Path | None, typer.Option(help="Where to.")] = None
    loud: bool = False


Calls = list[tuple[str, Place, Look, int]]


@pytest.fixture
def calls() -> Calls:
    return []


@pytest.fixture
def app(calls: Calls) -> typer.Typer:
    app = typer.Typer()

    def visit(name: Annotated[str, typer.Argument()], place: Place, look: Look, times: int = 1) -> None:
        """Visit somebody."""
        calls.append((name, place, look, times))

    app.command()(with_grouped_options(visit))
    return app


def run(app: typer.Typer, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", "TERM": "dumb"})


def test_without_options_every_group_has_its_defaults(app: typer.Typer, calls: Calls) -> None:
    assert run(app, "Ida").exit_code == ExitCode.OK
    assert calls == [("Ida", Place(), Look(), 1)]


def test_each_option_reaches_the_field_of_its_own_group(app: typer.Typer, calls: Calls) -> None:
    arguments = ("Ida", "--city", "Malmö", "--storey", "3", "--file", "a b.txt", "--loud", "--times", "2")
    assert run(app, *arguments).exit_code == ExitCode.OK
    assert calls == [("Ida", Place("Malmö", 3), Look(Path("a b.txt"), loud=True), 2)]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("--storey", "-1"), "--storey"), (("--storey", "top"), "valid integer"), (("--floor", "1"), "--floor")],
)
def test_bounds_types_and_names_of_fields_hold_as_for_any_option(
    app: typer.Typer, calls: Calls, arguments: tuple[str, str], named: str
) -> None:
    refused = run(app, "Ida", *arguments)
    assert refused.exit_code == ExitCode.USAGE
    assert named in refused.output
    assert calls == []


def test_help_shows_the_commands_own_words_and_those_of_every_field(app: typer.Typer) -> None:
    shown = run(app, "--help").output
    for words in ("Visit somebody.", "Name of the city.", "Counted from 0.", "Where to.", "--loud", "--times", "Lund"):
        assert words in shown
    assert "--place" not in shown


def test_a_command_without_groups_keeps_its_name_and_words() -> None:
    def plain(times: int = 1) -> None:
        """Say so."""

    wrapped = with_grouped_options(plain)
    assert (wrapped.__name__, wrapped.__doc__) == ("plain", "Say so.")
    assert list(wrapped.__annotations__) == ["times"]


def test_two_groups_with_a_field_of_the_same_name_are_refused_when_the_program_is_built() -> None:
    def muddled(place: Place, other: Place) -> None:
        """Which city?"""

    with pytest.raises(ValueError, match="duplicate parameter name: 'city'"):
        with_grouped_options(muddled)


@dataclass(frozen=True, slots=True)
class Wish:
    """What."""

    words: Annotated[list[str], typer.Option("--word", help="Repeat it.")]
    polite: bool = True


def test_a_field_without_a_default_is_an_option_that_must_be_given() -> None:
    said: list[Wish] = []
    app = typer.Typer()

    def say(wish: Wish) -> None:
        """Say something."""
        said.append(wish)

    app.command()(with_grouped_options(say))
    refused = run(app)
    assert (refused.exit_code, said) == (ExitCode.USAGE, [])
    assert "Missing option '--word'" in refused.output
    assert run(app, "--word", "a", "--word", "b").exit_code == ExitCode.OK
    assert said == [Wish(["a", "b"])]
