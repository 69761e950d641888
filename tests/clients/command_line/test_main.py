"""The program as a whole: every command explains itself, and failures are told without tracebacks."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from clients.command_line import main as program
from clients.command_line.shared.console import CommandFailed, ExitCode
from deploy.local.errors import LocalStackError
from tests.clients.command_line.program import crossrank
from tests.paths import ROOT
from tests.training.synthetic import synthetic_tables
from training.data.tables import write_tables


def commands() -> list[tuple[str, ...]]:
    """Every command's words, subcommands included."""

    def below(command: object, words: tuple[str, ...]) -> list[tuple[str, ...]]:
        children = getattr(command, "commands", None)
        if not children:
            return [words]
        return [found for name, child in children.items() for found in below(child, (*words, name))]

    return below(get_command(program.build_app()), ())


def test_there_are_commands() -> None:
    assert {("up",), ("down",), ("status",), ("logs",), ("doctor",), ("loadtest",)} <= set(commands())


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_and_json(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        get_command(program.build_app())([*words, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert "Usage: crossrank" in shown or "Usage:" in shown


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


def test_heavy_packages_are_not_loaded_to_show_help() -> None:
    script = (
        "import sys; from clients.command_line.main import build_app; build_app()\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'onnxruntime') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


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


def test_a_missing_module_of_ours_is_a_bug_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError):
        run(monkeypatch, ModuleNotFoundError("No module named 'gateway.nothing'", name="gateway.nothing"))
