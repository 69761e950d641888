"""The model that the release commands are about, and the stack of this machine that serves it. Must not change
either."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared.access import Access
from clients.command_line.shared.console import CommandFailed, ExitCode, StateDirectory
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.process.state import Status
from training.release.promotion.running import RunningStack
from training.release.repository.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class ReleasedModel(Access):
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

    def folder(self) -> ModelFolder:
        """The model in the repository."""
        return ModelFolder(self.model_repository / self.model)

    def running(self, state_dir: Path | None) -> RunningStack | None:
        """The stack of the state directory when it serves this repository; None when nothing runs there, or another
        repository. Raises CommandFailed when it has no gateway."""
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
        headers = stack.control_headers(directory)
        return RunningStack(
            urls["triton"],
            headers,
            urls["gateway"],
            self.folder(),
            load_s=self.timeout_s,
            prove_s=self.timeout_s,
            connect=self.client,
        )


def serving_version(model_folder: Path) -> Path:
    """The folder of the version that serves. Raises CommandFailed when there is none, RepositoryBroken."""
    folder = ModelFolder(model_folder).serving()
    if folder is None:
        raise CommandFailed(f"{model_folder} has no version folder", remedy="name the repository: --model-repository")
    return folder


def check_ready(state_dir: StateDirectory) -> None:
    """Raises CommandFailed when the stack that runs does not answer rightly as it is: nothing new is put on top."""
    status = stack.read_status(state_dir or stack.default_state_directory()).status
    if status is not Status.READY:
        raise CommandFailed(f"the stack is {status}", remedy="crossrank status", exit_code=ExitCode.UNHEALTHY)
