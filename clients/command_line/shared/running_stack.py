"""The stack that runs here, or one for as long as a command needs it. Must not know what for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.command_line.shared.console import CommandFailed, ExitCode
from deploy.local import stack
from deploy.local.plan import Plan
from deploy.local.process.state import StackState, Status
from deploy.local.stack import LocalStack, OnChange


@contextmanager
def running_stack(
    directory: Path, plan: Plan | None = None, *, on_change: OnChange | None = None
) -> Iterator[StackState]:
    """The state of the stack of a directory. One that runs is used as it is and left running; else one is started and
    stopped. Raises CommandFailed when one runs but is not ready."""
    state = stack.read_status(directory)
    if state.status is Status.READY:
        yield state
    elif state.supervisor_pid is not None:
        raise CommandFailed(f"the stack is {state.status}", remedy="crossrank status", exit_code=ExitCode.UNHEALTHY)
    else:
        with LocalStack(directory, plan, on_change=on_change) as started:
            yield started.status()


def gateway_url(directory: Path | None) -> str:
    """host:port of the gateway of the local stack; empty where none runs."""
    parts = stack.read_status(directory or stack.default_state_directory()).parts
    return next((one.url for one in parts if one.name == "gateway" and one.url and one.pid is not None), "")


def running_url(directory: Path, part: str, option: str = "") -> str:
    """Where a part of the stack that runs here is reached. Raises CommandFailed naming the option that replaces it."""
    for one in stack.read_status(directory).parts:
        if one.name == part and one.url:
            return one.url
    instead = f", or name one with {option}" if option else ""
    raise CommandFailed(f"no {part} runs here", remedy=f"crossrank up{instead}")
