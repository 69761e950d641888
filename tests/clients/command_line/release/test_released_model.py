"""Which stack a release command speaks to, and where other commands find theirs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clients.command_line.release.gate_evidence import EvidenceChoice
from clients.command_line.release.released_model import ReleasedModel, check_ready
from clients.command_line.shared.connection import Connection, running_gateway
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.run_choice import RunChoice
from clients.command_line.shared.running_stack import running_url
from deploy.local import stack
from deploy.local.plan import Plan
from deploy.local.process.state import PartState, StackState, Status

GATEWAY = PartState("gateway", "127.0.0.1:2", Status.READY, pid=8)
TRITON = PartState("triton", "127.0.0.1:1", Status.READY, pid=9)

Says = Callable[..., None]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Says:
    """Sets what the state directory tells: the parts that run, under supervisor 7, on the repository of the test."""

    def say(*parts: PartState, supervisor_pid: int | None = 7) -> None:
        monkeypatch.setattr(stack, "read_status", lambda _: StackState(supervisor_pid, list(parts)))
        monkeypatch.setattr(stack, "read_plan", lambda _: Plan(model_repository=str(tmp_path / "models")))

    return say


def test_the_stack_on_this_repository_is_the_one_that_switches(says: Says, tmp_path: Path) -> None:
    says(TRITON, GATEWAY)
    released = ReleasedModel(model_repository=tmp_path / "elsewhere" / ".." / "models", timeout_s=4.0)
    running = released.running(tmp_path)
    assert running is not None
    assert (running.triton_url, running.gateway_url) == (TRITON.url, GATEWAY.url)
    assert (running.load_s, running.prove_s) == (4.0, 4.0)
    assert running.model.root == released.model_repository / "cross_encoder"


def test_a_stack_on_another_repository_is_left_alone(says: Says, tmp_path: Path) -> None:
    says(TRITON, GATEWAY)
    assert ReleasedModel(model_repository=tmp_path / "others").running(tmp_path) is None


def test_what_ran_once_is_not_what_runs(says: Says, tmp_path: Path) -> None:
    says(TRITON, GATEWAY, supervisor_pid=None)
    assert ReleasedModel(model_repository=tmp_path / "models").running(tmp_path) is None


@pytest.mark.parametrize("parts", [(TRITON,), (TRITON, replace(GATEWAY, url="")), (GATEWAY,)])
def test_a_stack_without_one_of_the_two_parts_is_unhealthy(
    says: Says, tmp_path: Path, parts: tuple[PartState, ...]
) -> None:
    says(*parts)
    with pytest.raises(CommandFailed) as failed:
        ReleasedModel(model_repository=tmp_path / "models").running(tmp_path)
    assert failed.value.exit_code == ExitCode.UNHEALTHY
    assert "crossrank up with all parts" in failed.value.remedy


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.READY])
def test_nothing_new_is_put_on_a_stack_with_one_part_that_is_not_ready(
    says: Says, tmp_path: Path, status: Status
) -> None:
    says(TRITON, GATEWAY)
    check_ready(tmp_path)
    says(TRITON, replace(GATEWAY, status=status))
    with pytest.raises(CommandFailed, match=f"the stack is {status}") as failed:
        check_ready(tmp_path)
    assert (failed.value.exit_code, failed.value.remedy) == (ExitCode.UNHEALTHY, "crossrank status")


def test_a_part_is_found_by_its_name(says: Says, tmp_path: Path) -> None:
    says(TRITON, GATEWAY)
    assert running_url(tmp_path, "triton", "--triton-url") == TRITON.url
    assert running_gateway(tmp_path) == GATEWAY.url


@pytest.mark.parametrize("parts", [(), (GATEWAY,), (GATEWAY, replace(TRITON, url=""))])
def test_a_part_that_is_not_reached_is_told_with_the_option_that_replaces_it(
    says: Says, tmp_path: Path, parts: tuple[PartState, ...]
) -> None:
    says(*parts)
    with pytest.raises(CommandFailed, match="no triton runs here") as failed:
        running_url(tmp_path, "triton", "--triton-url")
    assert failed.value.remedy == "crossrank up, or name one with --triton-url"


def test_a_gateway_whose_process_is_gone_is_not_asked(says: Says, tmp_path: Path) -> None:
    says(TRITON, replace(GATEWAY, pid=None))
    for ask in (
        lambda: running_gateway(tmp_path),
        lambda: Connection(state_dir=tmp_path).ask(lambda one: one.get_info()),
    ):
        with pytest.raises(CommandFailed, match="no gateway runs here") as failed:
            ask()
        assert "--target host:port" in failed.value.remedy


def test_without_a_run_the_gate_has_the_champion_alone_and_a_named_one_comes_first(tmp_path: Path) -> None:
    serving, named = tmp_path / "1", tmp_path / "9"
    assert EvidenceChoice().read(RunChoice(), serving).champion == serving
    assert EvidenceChoice(champion=named).read(RunChoice(), serving).champion == named
    checkpoint = EvidenceChoice(checkpoint=tmp_path / "weights").read(RunChoice(), None)
    assert (checkpoint.champion, checkpoint.checkpoint) == (None, tmp_path / "weights")


@pytest.mark.parametrize(
    ("tables", "option"),
    [(RunChoice(items=Path("i.csv")), "--items"), (RunChoice(interactions=Path("o.csv")), "--interactions")],
)
def test_either_table_without_a_run_is_a_usage_error_that_names_it(tables: RunChoice, option: str) -> None:
    with pytest.raises(CommandFailed, match=f"^{option} without --run") as failed:
        EvidenceChoice().read(tables, None)
    assert failed.value.exit_code == ExitCode.USAGE
