"""Start, look at and stop the stack of a state directory: what the command line, the demo and the tests call. Must not
run parts itself, the supervisor does."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import psutil

from deploy.local.errors import StartFailed
from deploy.local.parts import shared_memory, triton_control
from deploy.local.parts.gateway_process import MADE_BY_THE_STACK, PROJECT
from deploy.local.plan import GATEWAY, PARTS, USUAL_PORTS, Plan, triton_key
from deploy.local.process import orphans, process
from deploy.local.process.lock import StackLock
from deploy.local.process.logs import Log
from deploy.local.process.state import PartState, StackState, Status
from gateway.knobs import changed, describe
from gateway.settings import SettingsInvalid, read_settings

_SUPERVISOR = "supervisor"
_POLL_S = 0.1
_SPAWN_GRACE_S = 2.0
_UP_TIMEOUT_S = 240.0
_DOWN_TIMEOUT_S = 45.0

OnChange = Callable[[StackState], None]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What `down` found: whether a supervisor ran, and how many processes and memory regions had lost theirs."""

    supervisor_ran: bool
    orphans: int
    regions: int


def default_state_directory() -> Path:
    """`.crossrank` of the current project: the nearest folder above that has one or a pyproject.toml, else here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".crossrank").is_dir() or (folder / "pyproject.toml").exists():
            return folder / ".crossrank"
    return here / ".crossrank"


def up(
    state_directory: Path, plan: Plan, *, bound_to_caller: bool = False, on_change: OnChange | None = None
) -> StackState:
    """Starts the stack and returns when every part gives right answers; at once when it already does.

    `bound_to_caller` ends it with the calling process and takes ports at random, so that several can run. Raises
    StartFailed after having stopped everything again.
    """
    state_directory = state_directory.resolve()
    if StackLock(state_directory).holder() is None:
        _sweep(state_directory)
        state_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _save_plan(state_directory, plan, keep_ports=not bound_to_caller)
        _spawn_supervisor(state_directory, bound_to_caller=bound_to_caller)
    return _await_ready(state_directory, on_change or (lambda state: None))


def ignored(state_directory: Path, plan: Plan) -> list[str]:
    """What `up` with this plan, and with the settings of the environment, would not change of the stack that runs
    there; empty where none runs. Raises StartFailed for settings that cannot be used."""
    if StackLock(state_directory.resolve()).holder() is None:
        return []
    return read_plan(state_directory.resolve()).differences(_with_settings(plan))


def down(state_directory: Path) -> Stopped:
    """Stops the supervisor and with it every part, then removes whatever earlier crashes left. Harmless twice."""
    state_directory = state_directory.resolve()
    pid = StackLock(state_directory).holder()
    if pid is not None:
        _end_supervisor(psutil.Process(pid))
    processes, regions = _sweep(state_directory)
    if state_directory.exists():
        _stopped(read_status(state_directory)).save(_state_file(state_directory))
    return Stopped(pid is not None, processes, regions)


def read_status(state_directory: Path) -> StackState:
    """The state of the stack now: what the supervisor wrote, or stopped when there is none."""
    state_directory = state_directory.resolve()
    state = StackState.load(_state_file(state_directory))
    return state if StackLock(state_directory).holder() is not None else _stopped(state)


def read_plan(state_directory: Path) -> Plan:
    """What was last started there. Raises OSError when nothing ever was."""
    return Plan.load(state_directory / "plan.json")


def control_headers(state_directory: Path) -> dict[str, str]:
    """What opens the control of the Triton of the stack there. Raises OSError when nothing ever was started."""
    return triton_control.control_headers(triton_key(read_plan(state_directory), state_directory))


def part_names(state_directory: Path) -> list[str]:
    """What may have left processes: all that there can be, and what ran there last."""
    return list(dict.fromkeys((*PARTS, *(part.name for part in StackState.load(_state_file(state_directory)).parts))))


def log_file(state_directory: Path, part: str) -> Path:
    """Where a part, or the supervisor, writes its log."""
    return state_directory / "logs" / f"{part}.log"


class LocalStack:
    """A stack that ends with the `with` block, and with the calling process, whatever happens to that."""

    def __init__(self, state_directory: Path, plan: Plan | None = None, *, on_change: OnChange | None = None) -> None:
        self.state_directory = state_directory.resolve()
        self._plan = plan or Plan()
        self._on_change = on_change

    def status(self) -> StackState:
        """The state now."""
        return read_status(self.state_directory)

    def __enter__(self) -> Self:
        up(self.state_directory, self._plan, bound_to_caller=True, on_change=self._on_change)
        return self

    def __exit__(self, *_: object) -> None:
        down(self.state_directory)


def _state_file(state_directory: Path) -> Path:
    return state_directory / "state.json"


def _stopped(state: StackState) -> StackState:
    parts = [PartState(part.name, log=part.log, status=Status.STOPPED) for part in state.parts]
    return StackState(supervisor_pid=None, parts=parts)


def _save_plan(state_directory: Path, plan: Plan, *, keep_ports: bool) -> None:
    file = state_directory / "plan.json"
    last = read_plan(state_directory) if file.exists() else Plan(ports_at_random=True)
    kept = USUAL_PORTS if last.ports_at_random else last.ports
    plan = replace(_with_settings(plan), ports_at_random=not keep_ports)
    plan.with_ports(kept if keep_ports else {}).save(file)


def _with_settings(plan: Plan) -> Plan:
    """The plan with the settings that its gateway reads, but for those that the stack makes itself."""
    if GATEWAY not in plan.parts:
        return plan
    try:
        settings = read_settings()
    except SettingsInvalid as fault:
        raise StartFailed(f"the settings cannot be used:\n{fault}", remedy="correct them in the environment") from fault
    given = {name: value for name, value in changed(settings).items() if name not in MADE_BY_THE_STACK}
    # The gateway has a working folder of its own.
    places = {knob.variable for knob in describe() if knob.unit.startswith("path")}
    given |= {name: str(Path(given[name]).absolute()) for name in places & given.keys() if "://" not in given[name]}
    return replace(plan, gateways=settings.processes, settings=given)


def _spawn_supervisor(state_directory: Path, *, bound_to_caller: bool) -> None:
    _state_file(state_directory).unlink(missing_ok=True)
    owner = (str(os.getpid()),) if bound_to_caller else ()
    command = process.Command(
        arguments=(sys.executable, "-m", "deploy.local.supervisor", str(state_directory), *owner),
        directory=state_directory,
        mark=orphans.mark(_SUPERVISOR, state_directory),
        search_paths={"PYTHONPATH": str(PROJECT)},
    )
    process.detach(command, log_file=log_file(state_directory, _SUPERVISOR))


def _end_supervisor(supervisor: psutil.Process) -> None:
    supervisor.terminate()
    deadline = time.monotonic() + _DOWN_TIMEOUT_S
    while orphans.is_alive(supervisor):
        if time.monotonic() > deadline:
            supervisor.kill()
        time.sleep(_POLL_S)


def _sweep(state_directory: Path) -> tuple[int, int]:
    processes = sum(orphans.end(part, state_directory) for part in (_SUPERVISOR, *part_names(state_directory)))
    return processes, shared_memory.remove_regions(state_directory)


def _await_ready(state_directory: Path, on_change: OnChange) -> StackState:
    started = time.monotonic()
    last = ""
    while time.monotonic() - started < _UP_TIMEOUT_S:
        state = StackState.load(_state_file(state_directory))
        if repr(state) != last:
            last = repr(state)
            on_change(state)
        if state.status is Status.READY:
            return state
        just_spawned = time.monotonic() - started < _SPAWN_GRACE_S
        if state.status is Status.FAILED or not (just_spawned or any(orphans.find(_SUPERVISOR, state_directory))):
            break
        time.sleep(_POLL_S)
    raise _failure(state_directory, StackState.load(_state_file(state_directory)))


def _failure(state_directory: Path, state: StackState) -> StartFailed:
    down(state_directory)
    for part in state.parts:
        if part.status is Status.FAILED:
            return StartFailed(part.detail, remedy=part.remedy)
    log = log_file(state_directory, _SUPERVISOR)
    return StartFailed(f"the stack did not become ready\n{Log(log).problems()}", remedy=f"read {log}")
