"""The program `crossrank`: the table of its commands, and their failures as messages and exit codes. Must not know what
any command does."""

import sys

import typer

from clients.command_line.shared.console import ExitCode, print_failure
from clients.command_line.shared.lazy import add_lazily

COMMANDS = {
    "up": "stack.stack:up",
    "down": "stack.stack:down",
    "status": "stack.stack:status",
    "logs": "stack.stack:logs",
    "doctor": "stack.stack:doctor",
    "demo": "stack.demo:demo",
    "index": "catalog.index:index",
    "recommend": "ask.recommend:recommend",
    "rerank": "ask.recommend:rerank",
    "similar": "ask.recommend:similar",
    "info": "ask.recommend:info",
    "train": "train.train:train",
    "export": "train.train:export",
    "train-demo": "train.train_demo:train_demo",
    "ablate": "train.ablate:ablate",
    "import": "train.import_model:import_model",
    "gpu-check": "measure.gpu_check:gpu_check",
    "eval": "evaluate.evaluate:evaluate",
    "verify": "evaluate.verify:verify",
    "gate": "release.release:gate",
    "promote": "release.release:promote",
    "rollback": "release.release:rollback",
    "versions": "release.release:versions",
    "loadtest": "measure.loadtest:loadtest",
    "bench": "measure.bench:bench",
    "profile": "measure.profile:profile",
    "sweep": "measure.sweep:sweep",
    "capacity": "measure.capacity:capacity",
    "data movielens-100k": "catalog.data:movielens",
    "data goodbooks": "catalog.data:goodbooks",
    "data export": "catalog.data:export",
    "data check": "catalog.data:check",
    "spec list": "train.spec:list_presets",
    "spec show": "train.spec:show",
    "shadow report": "release.trial:shadow_report",
    "canary report": "release.trial:canary_report",
}
"""What is typed, and where its function is: its module is imported when it is called."""

GROUPS = {
    "data": "Fetch a data set, or check your own tables.",
    "spec": "Show what a model reads: fields, order and token budgets.",
    "shadow": "A model on trial that ranks live requests unseen.",
    "canary": "A model on trial that answers a share of the users.",
}


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
    try:
        build_app()()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as fault:
        from clients.command_line.shared.failures import failure_of  # imports gRPC, which help does without

        failure = failure_of(fault, " ".join(["crossrank", *sys.argv[1:2]]))
        if failure is None:
            raise
        print_failure(failure.message, failure.remedy)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
