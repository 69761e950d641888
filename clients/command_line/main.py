"""The program `crossrank`: its commands in one application, their failures as messages and exit codes. Must not
know what any command does."""

import sys
from contextlib import ExitStack

import typer

from clients.command_line.shared.commands import COMMANDS, GROUPS
from clients.command_line.shared.console import ExitCode, print_failure
from clients.command_line.shared.lazy import add_lazily


def build_app() -> typer.Typer:
    """The application with every command."""
    app = typer.Typer(
        name="crossrank",
        help="Re-rank recommendations with a cross-encoder on Triton: run, fill, ask, measure and train.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    groups = {name: typer.Typer(no_args_is_help=True, help=text) for name, text in GROUPS.items()}
    for name, group in groups.items():
        app.add_typer(group, name=name)
    for words, place in COMMANDS.items():
        group_name, _, command = words.rpartition(" ")
        add_lazily(groups.get(group_name, app), command, place)
    return app


def main() -> None:
    """Runs one command. Failures that we foresee are told without a traceback; others are bugs and keep theirs."""
    with ExitStack() as stack:
        stack.push(_tell)
        build_app()()


def _tell(kind: object, fault: BaseException | None, _: object) -> bool:
    """Leaves with the message and the exit code of a foreseen failure; lets every other error pass."""
    if isinstance(fault, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    if not isinstance(fault, Exception):
        return False
    from clients.command_line.shared.failures import failure_of  # imports gRPC, which help does without

    failure = failure_of(fault, " ".join(["crossrank", *sys.argv[1:2]]))
    if failure is None:
        return False
    print_failure(failure.message, failure.remedy)
    sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
