"""The program as a whole: every command explains itself, and failures are told without tracebacks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from clients.command_line import main as program
from clients.command_line.shared.commands import COMMANDS, GROUPS
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.lazy import load
from deploy.local.errors import LocalStackError
from tests.clients.command_line.program import crossrank
from tests.paths import ROOT
from tests.training.synthetic import synthetic_tables
from training.data.tables import write_tables


def test_there_are_commands() -> None:
    assert {"up", "down", "status", "logs", "doctor", "loadtest"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_help_and_json(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        get_command(program.build_app())([*words.split(), "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "Usage: crossrank" in shown or "Usage:" in shown


def test_every_group_of_commands_has_commands() -> None:
    assert {words.split()[0] for words in COMMANDS if " " in words} == set(GROUPS)


_PROGRAM = "clients.command_line"


def run(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> int:
    """The exit code of a program whose only command fails."""
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise failure

    monkeypatch.setattr(program, "build_app", lambda: app)
    monkeypatch.setattr(sys, "argv", ["crossrank"])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_foreseen_failure_keeps_its_exit_code_and_remedy(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failure = CommandFailed("no users", remedy="crossrank index", exit_code=ExitCode.UNHEALTHY)
    assert run(monkeypatch, failure) == 3


def test_a_failure_of_the_stack_is_an_ordinary_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, LocalStackError("no disk", remedy="free some")) == 1


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(program, "build_app", lambda: app)
    monkeypatch.setattr(sys, "argv", ["crossrank"])
    with pytest.raises(ZeroDivisionError):
        program.main()


def test_without_a_command_the_program_explains_itself() -> None:
    shown = crossrank()
    assert shown.exit_code == ExitCode.USAGE
    assert "Usage:" in shown.output + shown.notes


def test_an_unknown_command_is_a_usage_error() -> None:
    shown = crossrank("fly")
    assert shown.exit_code == ExitCode.USAGE
    assert "fly" in shown.notes


def modules_loaded_by(*arguments: str) -> set[str]:
    """What a process imports that shows help."""
    script = (
        "import sys; from clients.command_line.main import build_app\n"
        "try: build_app()()\n"
        "finally: print('loaded:', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [("--help",), ("data", "--help"), ("canary", "-h")], ids=" ".join)
def test_the_lists_of_commands_load_none_of_them_and_nothing_that_they_need(arguments: tuple[str, ...]) -> None:
    loaded = modules_loaded_by(*arguments)
    assert not loaded & {"grpc", "numpy", "psycopg", "torch", "transformers", "gateway", "training", "deploy"}
    assert not loaded & {"clients.load", "crossrank_client", *(f"{_PROGRAM}.{one}" for one in modules_of_commands())}


def test_the_help_of_a_command_loads_no_other() -> None:
    loaded = modules_loaded_by("status", "--help")
    assert {one for one in modules_of_commands() if f"{_PROGRAM}.{one}" in loaded} == {"stack.stack"}
    assert not loaded & {"torch", "training", "crossrank_client", "clients.load"}


@pytest.mark.parametrize("words", ["index --help", "data --help", "demo --help", "spec list", "recommend --help"])
def test_commands_that_do_not_train_load_nothing_of_the_trainer(words: str) -> None:
    assert not modules_loaded_by(*words.split()) & {"torch", "transformers", "onnx", "sentence_transformers"}


def modules_of_commands() -> set[str]:
    """Every module that holds a command."""
    return {place.partition(":")[0] for place in COMMANDS.values()}


@pytest.mark.parametrize(
    ("command", "package"), [("train", "sentence_transformers"), ("verify", "transformers"), ("gpu-check", "torch")]
)
def test_a_missing_package_is_named_with_what_to_install(tmp_path: Path, command: str, package: str) -> None:
    """In an environment for serving alone, say, where nothing that trains is installed."""
    program_without = f"import sys; sys.modules[{package!r}] = None; from clients.command_line.main import main; main()"
    write_tables(tmp_path, synthetic_tables(users=12))
    tables = ["--items", str(tmp_path / "items.csv"), "--interactions", str(tmp_path / "interactions.csv")]
    options = [*tables, "--state-dir", str(tmp_path / "state")] if command == "train" else []
    done = subprocess.run(
        [sys.executable, "-c", program_without, command, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == ExitCode.FAILURE
    assert f"a package is missing: {package}" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_a_list_says_of_a_command_what_its_own_help_says(words: str) -> None:
    listed: Any = get_command(program.build_app())
    for word in words.split():
        listed = listed.commands[word]
    assert listed.help == load(COMMANDS[words]).help


def test_a_missing_module_of_ours_is_a_bug_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError):
        run(monkeypatch, ModuleNotFoundError("No module named 'gateway.nothing'", name="gateway.nothing"))
