"""crossrank up, down, status, logs and doctor on a real PostgreSQL, run as a user runs them."""

import io
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from google.protobuf import json_format
from rich.console import Console

from clients.command_line.shared import console
from clients.command_line.stack import stack as stack_commands
from crossrank.v1 import ranking_pb2
from deploy.local import stack
from deploy.local.plan import Plan
from deploy.local.stack import LocalStack
from tests.clients.command_line.program import crossrank
from tests.paths import ROOT


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a running stack with PostgreSQL only."""
    directory = tmp_path_factory.mktemp("cli")
    with LocalStack(directory, Plan(parts=("postgres",))):
        yield directory


def test_up_leaves_a_stack_running_that_down_stops(tmp_path: Path) -> None:
    try:
        started = crossrank("up", "--part", "postgres", "--state-dir", tmp_path, "--json")
        assert started.exit_code == 0, started.notes
        (part,) = started.document["parts"]
        assert (started.document["status"], part["name"], part["status"]) == ("ready", "postgres", "ready")
        assert started.document["ignored"] == []
        with psycopg.connect(stack.read_status(tmp_path).part("postgres").url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        stopped = crossrank("down", "--state-dir", tmp_path, "--json")
    assert stopped.document == {"supervisor_ran": True, "orphans": 0, "regions": 0}
    assert crossrank("status", "--state-dir", tmp_path, "--json").document["status"] == "stopped"


def test_down_without_a_stack_says_so(tmp_path: Path) -> None:
    done = crossrank("down", "--state-dir", tmp_path)
    assert (done.exit_code, done.output) == (0, "")
    assert "was not running" in done.notes


def test_the_status_of_a_ready_stack_is_success(running: Path) -> None:
    shown = crossrank("status", "--state-dir", running, "--json")
    assert shown.exit_code == 0
    (part,) = shown.document["parts"]
    assert part["restarts"] == 0
    assert 5 < part["memory_mb"] < 500


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["table", "document"])
@pytest.mark.parametrize("command", ["status", "doctor", "up --part postgres"])
def test_what_is_printed_hides_the_password(running: Path, command: str, more: tuple[str, ...]) -> None:
    password = stack.read_status(running).part("postgres").url.split(":")[2].partition("@")[0]
    shown = crossrank(*command.split(), "--state-dir", running, *more)
    assert shown.exit_code == 0, shown.notes
    assert "postgres" in shown.output
    assert "ready" in shown.output
    assert password not in shown.output + shown.notes


def test_up_on_a_running_stack_names_what_it_does_not_change_and_how_to(running: Path) -> None:
    other = ("--part", "postgres", "--part", "triton", "--triton-url", "127.0.0.1:9", "--state-dir", running)
    shown = crossrank("up", *other)
    assert shown.exit_code == 0, shown.notes
    assert shown.notes.splitlines() == [
        "it ran already, and goes on as it was started:",
        "  --part: postgres, not postgres triton",
        "  --triton-url: the default, not 127.0.0.1:9",
        f"to change that: crossrank down --state-dir {running}, "
        f"then crossrank up --state-dir {running} as you called it now",
    ]
    assert crossrank("up", *other, "--json").document["ignored"] == [
        "--part: postgres, not postgres triton",
        "--triton-url: the default, not 127.0.0.1:9",
    ]
    assert not crossrank("up", "--part", "postgres", "--state-dir", running).notes


def test_the_status_without_a_stack_is_unhealthy(tmp_path: Path) -> None:
    shown = crossrank("status", "--state-dir", tmp_path)
    assert shown.exit_code == 3
    assert "crossrank up" in shown.notes


def test_logs_show_the_last_lines(running: Path) -> None:
    shown = crossrank("logs", "postgres", "--lines", 3, "--state-dir", running)
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) == 3
    assert "ready to accept connections" in shown.output


def test_logs_as_a_document_name_their_file(running: Path) -> None:
    document = crossrank("logs", "supervisor", "--json", "--state-dir", running).document
    assert document["part"] == "supervisor"
    assert Path(document["file"]) == running / "logs" / "supervisor.log"
    assert any("postgres: ready" in line for line in document["lines"])


def test_a_log_that_does_not_exist_is_a_failure_with_a_remedy(running: Path) -> None:
    shown = crossrank("logs", "gateway", "--state-dir", running)
    assert shown.exit_code == 1
    assert "there is no log" in shown.notes
    assert "try: crossrank up" in shown.notes
    assert "Traceback" not in shown.notes


def test_the_doctor_finds_a_running_stack_healthy(running: Path) -> None:
    shown = crossrank("doctor", "--state-dir", running, "--json")
    assert shown.exit_code == 0
    assert shown.document["healthy"] is True
    checks = {check["name"]: check for check in shown.document["checks"]}
    assert checks["postgres"]["ok"] is True
    assert set(checks["numpy"]) == {"name", "ok", "detail", "remedy", "severity"}


def test_the_doctor_speaks_to_people_too(running: Path) -> None:
    shown = crossrank("doctor", "--state-dir", running)
    assert shown.exit_code == 0
    assert "gives right answers at" in shown.output


def test_parts_that_cannot_run_alone_are_refused(tmp_path: Path) -> None:
    shown = crossrank("up", "--part", "gateway", "--state-dir", tmp_path)
    assert shown.exit_code == 1
    assert "the gateway cannot run with only gateway" in shown.notes


def test_a_model_repository_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    shown = crossrank("up", "--model-repository", tmp_path / "nothing", "--state-dir", tmp_path)
    assert shown.exit_code == 2
    assert "does not exist" in " ".join(shown.notes.replace("│", " ").split())


def test_a_repository_without_models_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    state = tmp_path / "state"
    shown = crossrank("up", "--part", "triton", "--model-repository", tmp_path / "empty", "--state-dir", state)
    assert shown.exit_code == 1
    assert "no model in" in shown.notes
    assert stack.read_status(state).supervisor_pid is None


def test_the_state_lies_in_the_project_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert stack.default_state_directory() == below / ".crossrank"
    (tmp_path / "pyproject.toml").touch()
    assert stack.default_state_directory() == tmp_path / ".crossrank"
    (tmp_path / "a" / ".crossrank").mkdir()
    assert stack.default_state_directory() == tmp_path / "a" / ".crossrank"


def test_a_followed_log_goes_on_until_it_is_interrupted(running: Path) -> None:
    command = [sys.executable, "-m", "clients.command_line.main", "logs", "postgres", "--follow", "-n", "1"]
    with subprocess.Popen(
        [*command, "--state-dir", str(running)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job of a shell ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() != ""
        with stack.log_file(running, "postgres").open("a") as log:
            log.write("a line that came later\n")
        assert any("a line that came later" in line for line in iter(follower.stdout.readline, ""))
        follower.send_signal(signal.SIGINT)
    assert follower.returncode == 130


def test_up_tells_how_to_call_the_gateway(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    notes = io.StringIO()
    monkeypatch.setattr(console, "notes", Console(file=notes, width=40))
    stack_commands._print_how_to_call("127.0.0.1:50051")
    line = next(line for line in notes.getvalue().splitlines() if "buf curl" in line)
    words = shlex.split(line.partition("buf curl")[2])
    request = json_format.ParseDict(json.loads(words[words.index("-d") + 1]), ranking_pb2.RecommendRequest())
    assert request.context.user_id == "1"
    assert request.options.top_n == 10
    service, _, method = words[-1].removeprefix("http://127.0.0.1:50051/").partition("/")
    methods = ranking_pb2.DESCRIPTOR.services_by_name["RankingService"].methods_by_name
    assert (service, method in methods) == ("crossrank.v1.RankingService", True)
