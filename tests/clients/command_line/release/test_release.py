"""crossrank gate, promote, rollback and versions on a repository that no stack serves: what they print, refuse and exit
with. What a running stack makes of them is in tests/e2e."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from clients.command_line.main import build_app
from clients.command_line.release.released_model import ReleasedModel, check_ready
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.failures import failure_of
from deploy.local import stack
from deploy.local.plan import Plan
from deploy.local.process.state import PartState, StackState, Status
from tests.clients.command_line.program import crossrank
from tests.training.release.promotion.versions import candidate, model_of, serving, write_version
from training.release.gate.check import Check, Outcome
from training.release.gate.gate import GateReport, read_gate
from training.release.repository.model_folder import ModelFolder

Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    """A repository whose version 1 serves."""
    write_version(tmp_path / "serving", 1, "first")
    return model_of(tmp_path / "serving")


@pytest.fixture
def command(model: ModelFolder, tmp_path: Path) -> Command:
    """Runs a command about that repository in this process: its exit code and its document. Raises CommandFailed."""

    def run(*arguments: object) -> tuple[int, Any]:
        where = ("--model-repository", model.root.parent, "--state-dir", tmp_path / "state", "--json")
        done = CliRunner().invoke(build_app(), [str(one) for one in (*arguments, *where)])
        if isinstance(done.exception, Exception):
            raise failure_of(done.exception, "crossrank") or done.exception
        return done.exit_code, json.loads(done.stdout) if done.stdout else None

    return run


def judge(version: Path, outcome: Outcome = Outcome.PASSED, champion: str = "1") -> Path:
    """A version with a verdict."""
    fingerprint = ModelFolder(version.parent).fingerprint(int(version.name))
    checks = (Check("labels", outcome, "as told"),)
    against = ModelFolder(version.parents[2] / "serving" / "cross_encoder").fingerprint(int(champion))
    GateReport(version.name, fingerprint, champion, "2026-01-01T00:00:00+00:00", checks, against).write(version)
    return version


def test_the_gate_says_what_it_could_not_check_and_records_it(command: Command, tmp_path: Path) -> None:
    version = candidate(tmp_path, "new")
    exit_code, document = command("gate", version)
    assert (exit_code, document["verdict"]) == (ExitCode.UNHEALTHY, "incomplete")
    assert document["champion"] == "1", "the one that serves"
    outcomes = {one["name"]: one["outcome"] for one in document["checks"]}
    assert [outcomes[name] for name in ("files", "fingerprint", "tokens", "logits")] == ["passed"] * 4
    assert outcomes["leak"] == "skipped"
    assert read_gate(version) == document


def test_the_gate_refuses_wrong_golden_logits_with_another_exit_code(command: Command, tmp_path: Path) -> None:
    exit_code, document = command("gate", candidate(tmp_path, "wrong", golden_shift=1.0))
    assert (exit_code, document["verdict"]) == (ExitCode.FAILURE, "refused")


def test_the_version_that_serves_is_not_its_own_champion(command: Command, model: ModelFolder) -> None:
    assert command("gate", model.folder(1))[1]["champion"] == ""


def test_tables_without_a_run_are_a_mistake(command: Command, model: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="--items without --run") as failed:
        command("gate", model.folder(1), "--items", tmp_path / "items.csv")
    assert failed.value.exit_code == ExitCode.USAGE


def test_a_run_that_is_none_is_told_with_the_next_step(command: Command, model: ModelFolder, tmp_path: Path) -> None:
    tables = ("--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv")
    with pytest.raises(CommandFailed, match=r"items\.csv"):
        command("gate", model.folder(1), "--run", tmp_path, *tables)
    assert read_gate(model.folder(1)) is None, "and nothing is recorded"


def test_promote_and_rollback_change_the_repository_alone(command: Command, model: ModelFolder, tmp_path: Path) -> None:
    version = judge(candidate(tmp_path, "new"))
    exit_code, document = command("promote", "--from", version)
    assert exit_code == ExitCode.OK
    assert document == {
        **{"model": "cross_encoder", "version": 2, "replaced": 1},
        **{"served": False, "verdict": "passed", "removed": []},
    }
    assert serving(model) == 2
    assert command("rollback") == (
        ExitCode.OK,
        {"model": "cross_encoder", "version": 1, "replaced": 2, "served": False},
    )
    assert serving(model) == 1


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.SKIPPED])
def test_what_the_gate_did_not_pass_is_not_promoted(
    command: Command, model: ModelFolder, tmp_path: Path, outcome: Outcome
) -> None:
    version = judge(candidate(tmp_path, "new"), outcome)
    with pytest.raises(CommandFailed, match="labels: as told") as failed:
        command("promote", "--from", version)
    assert failed.value.exit_code == ExitCode.FAILURE
    assert serving(model) == 1
    if outcome is Outcome.SKIPPED:
        assert command("promote", "--from", version, "--allow-incomplete")[1]["verdict"] == "incomplete"


def test_there_is_no_way_around_the_gate(command: Command, model: ModelFolder, tmp_path: Path) -> None:
    version = candidate(tmp_path, "new")
    with pytest.raises(CommandFailed, match="never judged") as failed:
        command("promote", "--from", version, "--allow-incomplete")
    assert failed.value.remedy == f"crossrank gate {version}"
    assert command("promote", "--from", version, "--force")[0] == ExitCode.USAGE
    assert serving(model) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [(OSError(28, "No space left on device"), CommandFailed), (ZeroDivisionError(), ZeroDivisionError)],
)
def test_a_full_disk_is_told_with_the_next_step_and_a_bug_is_not_dressed_up(
    command: Command,
    model: ModelFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    told: type[Exception],
) -> None:
    monkeypatch.setattr(ModelFolder, "add", Mock(side_effect=fault))
    with pytest.raises(told) as failed:
        command("promote", "--from", judge(candidate(tmp_path, "new")))
    assert serving(model) == 1
    if isinstance(failed.value, CommandFailed):
        assert "No space left" in failed.value.message
        assert failed.value.remedy == "check space and permissions; nothing was changed"
        assert failed.value.exit_code == ExitCode.FAILURE
        assert failed.value.__cause__ is fault


def test_keep_says_how_many_versions_stay(command: Command, model: ModelFolder, tmp_path: Path) -> None:
    for serves, card in enumerate(("second", "third"), start=1):
        version = judge(candidate(tmp_path, card), champion=str(serves))
        removed = command("promote", "--from", version, "--keep", 1)[1]["removed"]
    assert (removed, model.versions()) == ([1], [2, 3])


def test_versions_tells_what_serves_and_what_a_rollback_brings_back(
    command: Command, model: ModelFolder, tmp_path: Path
) -> None:
    command("promote", "--from", judge(candidate(tmp_path, "new")))
    write_version(model.root.parent, 7, "trial")
    exit_code, document = command("versions")
    assert (exit_code, document["model"], document["served"]) == (ExitCode.OK, "cross_encoder", None)
    shown = [(one["version"], one["state"], one["replaced"], one["verdict"]) for one in document["versions"]]
    assert shown == [(1, "rollback", None, None), (2, "serving", 1, "passed"), (7, "loaded", None, None)]


def test_a_repository_without_the_model_is_named(command: Command, model: ModelFolder) -> None:
    shutil.rmtree(model.root)
    with pytest.raises(CommandFailed, match="has no version") as failed:
        command("versions")
    assert "--model-repository" in failed.value.remedy
    with pytest.raises(CommandFailed, match="cannot be opened"):
        command("rollback")


def test_people_get_tables_and_shells_get_exit_codes(model: ModelFolder, tmp_path: Path) -> None:
    where = ("--model-repository", model.root.parent, "--state-dir", tmp_path)
    shown = crossrank("versions", *where)
    assert shown.exit_code == ExitCode.OK
    assert shown.output.splitlines()[1].split()[:2] == ["1", "serving"]
    assert "no stack runs on this repository" in shown.notes
    refused = crossrank("rollback", *where)
    assert (refused.exit_code, refused.output) == (ExitCode.FAILURE, "")
    assert "no version that served before" in refused.notes


@pytest.fixture
def unready(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack on that repository whose Triton is there but not ready, and that has no gateway."""
    state = StackState(1, [PartState("triton", "127.0.0.1:1", Status.UNREADY)])
    monkeypatch.setattr(stack, "read_status", lambda _: state)
    monkeypatch.setattr(stack, "read_plan", lambda _: Plan(model_repository=str(model.root.parent)))


@pytest.mark.usefixtures("unready")
def test_a_stack_that_could_not_tell_what_serves_is_refused(model: ModelFolder, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="has no gateway") as failed:
        ReleasedModel(model_repository=model.root.parent).running(tmp_path)
    assert failed.value.exit_code == ExitCode.UNHEALTHY
    with pytest.raises(CommandFailed, match="the stack is unready"):
        check_ready(tmp_path)
