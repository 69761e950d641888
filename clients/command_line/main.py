"""The program `crossrank`: collects the command groups and turns their failures into messages and exit codes. Must not
know what any command does."""

import sys
from importlib import import_module

import typer

from clients.command_line.shared.console import CommandFailed, ExitCode, print_failure
from deploy.local.errors import LocalStackError

# Each of these modules has `register(app)`. They import what is heavy only when a command runs.
COMMAND_GROUPS = (
    "stack.stack",
    "stack.demo",
    "catalog.data",
    "catalog.index",
    "ask.recommend",
    "train.spec",
    "train.train",
    "train.export",
    "train.train_demo",
    "train.ablate",
    "train.import_model",
    "measure.gpu_check",
    "evaluate.evaluate",
    "evaluate.verify",
    "release.release",
    "release.trial",
    "measure.loadtest",
    "measure.bench",
    "measure.profile",
    "measure.sweep",
    "measure.capacity",
)

OUR_PACKAGES = ("clients", "crossrank", "crossrank_client", "deploy", "gateway", "training")
"""A module of these that cannot be found is a bug; of others, an installation without some extra."""


def build_app() -> typer.Typer:
    """The application with every command group."""
    app = typer.Typer(
        name="crossrank",
        help="Re-rank recommendations with a cross-encoder on Triton: run, fill, ask, measure and train.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for group in COMMAND_GROUPS:
        import_module(f"clients.command_line.{group}").register(app)
    return app


def main() -> None:
    """Runs one command. Failures that we foresee are told without a traceback; others are bugs and keep theirs."""
    try:
        build_app()()
    except CommandFailed as failure:
        print_failure(failure.message, failure.remedy)
        sys.exit(failure.exit_code)
    except LocalStackError as failure:
        print_failure(failure.message, failure.remedy)
        sys.exit(ExitCode.FAILURE)
    except ModuleNotFoundError as fault:
        if fault.name is None or fault.name.partition(".")[0] in OUR_PACKAGES:
            raise
        print_failure(f"a package is missing: {fault.name}", 'pip install -e ".[local,load,train]"')
        sys.exit(ExitCode.FAILURE)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
