"""The model that the release commands are about, and the stack of this machine that serves it. Must not change
either."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line.shared.console import CommandFailed, ExitCode, StateDirectory
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.process.state import Status

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.release.promotion.running import RunningStack
    from training.release.repository.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class ReleasedModel:
    """Options of every release command."""

    model_repository: Annotated[Path, typer.Option(help="Repository that serves.", file_okay=False)] = (
        PROJECT_REPOSITORY
    )
    model: Annotated[str, typer.Option(help="Name of the cross-encoder in it.")] = "cross_encoder"
    timeout_s: Annotated[
        float,
        typer.Option(
            "--timeout", help="Seconds for a running stack to load the version, and again to prove it.", min=0.1
        ),
    ] = 120.0

    def folder(self) -> "ModelFolder":
        """The model in the repository."""
        from training.release.repository.model_folder import ModelFolder

        return ModelFolder(self.model_repository / self.model)

    def running(self, state_dir: Path | None) -> "RunningStack | None":
        """The stack of the state directory when it serves this repository; None when nothing runs there, or another
        repository. Raises CommandFailed when it has no gateway."""
        from training.release.promotion.running import RunningStack

        directory = state_dir or stack.default_state_directory()
        state = stack.read_status(directory)
        if state.supervisor_pid is None:
            return None
        if Path(stack.read_plan(directory).model_repository).resolve() != self.model_repository.resolve():
            return None
        urls = {part.name: part.url for part in state.parts}
        if not urls.get("triton") or not urls.get("gateway"):
            raise CommandFailed(
                f"the stack is {state.status} and has no gateway that could tell what serves",
                remedy="crossrank up with all parts, or crossrank down",
                exit_code=ExitCode.UNHEALTHY,
            )
        return RunningStack(urls["triton"], urls["gateway"], self.folder(), self.timeout_s, self.timeout_s)


def serving_version(model_folder: Path) -> Path:
    """The folder of the version that serves. Raises CommandFailed when there is none, RepositoryBroken."""
    from training.release.repository.model_folder import ModelFolder

    folder = ModelFolder(model_folder).serving()
    if folder is None:
        raise CommandFailed(f"{model_folder} has no version folder", remedy="name the repository: --model-repository")
    return folder


def check_ready(state_dir: StateDirectory) -> None:
    """Raises CommandFailed when the stack that runs does not answer rightly as it is: nothing new is put on top."""
    status = stack.read_status(state_dir or stack.default_state_directory()).status
    if status is not Status.READY:
        raise CommandFailed(f"the stack is {status}", remedy="crossrank status", exit_code=ExitCode.UNHEALTHY)


@contextmanager
def failures_told() -> Iterator[None]:
    """Failures of a promotion as message, remedy and exit code: UNHEALTHY for what the running stack did."""
    from training.errors import TrainingError
    from training.release.errors import NotServed

    try:
        yield
    except NotServed as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy, exit_code=ExitCode.UNHEALTHY) from fault
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    except OSError as fault:
        raise CommandFailed(str(fault), remedy="check space and permissions; nothing was changed") from fault
