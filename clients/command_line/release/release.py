"""crossrank gate, promote, rollback and versions: which version of the model serves. Must not judge or change one
itself."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from clients.command_line.release.gate_evidence import EvidenceChoice
from clients.command_line.release.released_model import ReleasedModel, check_ready
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.failures import remedy
from clients.command_line.shared.run_choice import RunChoice
from training.release.gate.gate import GateReport, read_gate, run_gate
from training.release.promotion.permission import check_permission
from training.release.promotion.promotion import Change, roll_back
from training.release.promotion.promotion import promote as promote_version
from training.release.promotion.running import RunningStack
from training.release.repository.model_folder import ModelFolder

VERDICTS = {"passed": ExitCode.OK, "refused": ExitCode.FAILURE, "incomplete": ExitCode.UNHEALTHY}
_SPACE = "check space and permissions; nothing was changed"
_STYLES = {"passed": "green", "serving": "green", "failed": "red", "refused": "red"}


def gate(
    version: Annotated[Path, typer.Argument(metavar="VERSION_DIR", exists=True, file_okay=False, help="The version.")],
    evidence: EvidenceChoice,
    run: RunChoice,
    released: ReleasedModel,
    as_json: AsJson = False,
) -> None:
    """Judge a version by named checks, and record the verdict in it. Exit code 1: refused, 3: something was not
    checked; --run with its --config and tables gives the gate all it can ask for."""
    with console.progress_bar("lists", quiet=as_json) as bar, remedy(_SPACE, OSError):
        given = evidence.read(run, _champion(released.folder(), version))
        bar.describe("lists", len(given.lists) * (3 if given.champion else 2))  # ours, its fp32, champion
        with redirect_stdout(sys.stderr):  # what exports the fp32 model talks; standard output is the result's alone
            report = run_gate(version, given, bar)
        report.write(version)
    if as_json:
        console.print_json(report.to_json())
    else:
        _print_report(report)
    console.leave(VERDICTS[report.verdict])


def promote(
    source: Annotated[
        Path, typer.Option("--from", metavar="VERSION_DIR", exists=True, file_okay=False, help="The judged version.")
    ],
    released: ReleasedModel,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Also when the gate could not check everything.")
    ] = False,
    keep: Annotated[int, typer.Option(help="Newest versions that stay in the repository.", min=1)] = 3,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Make a version serve that passed the gate: in the repository and, without a failed request, in the stack that
    runs. One that does not prove itself there is taken away again; exit code 3."""
    with console.progress_bar("promoting", quiet=as_json) as bar, remedy(_SPACE, OSError):
        model, running = released.folder(), released.running(state_dir)
        if running:
            check_ready(state_dir)
            _check_served(model, running)

        def permit(champion: str) -> str:
            bar.describe("asking the gate")
            fingerprint = model.fingerprint(int(champion)) if champion else ""
            verdict = check_permission(
                source, champion, allow_incomplete=allow_incomplete, champion_fingerprint=fingerprint
            )
            bar.describe("bringing it to serve")
            return verdict

        change = promote_version(model, source, running.switch if running else None, keep, permit)
    _print_change(model, change, running, as_json, {"verdict": change.verdict, "removed": list(change.removed)})


def rollback(released: ReleasedModel, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Make the version serve that served before: in the repository and, without a failed request, in the stack that
    runs."""
    with console.progress_bar("rolling back", quiet=as_json), remedy(_SPACE, OSError):
        model, running = released.folder(), released.running(state_dir)
        change = roll_back(model, running.switch if running else None)
    _print_change(model, change, running, as_json, {})


def versions(released: ReleasedModel, state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """List the versions in the repository: which one serves, which one a rollback brings back, what the gate said."""
    with remedy(_SPACE, OSError):
        running, rows = released.running(state_dir), _rows(released.folder())
        served = running.serving() if running else None
    if as_json:
        console.print_json({"model": released.model, "served": served, "versions": rows})
        return
    columns = ("version", "state", "replaced", "verdict", "encoding_fingerprint")
    headings = ("version", "", "took the place of", "gate", "encoding fingerprint")
    console.print_table(headings, [[_cell(one[name]) for name in columns] for one in rows])
    console.say("no stack runs on this repository" if served is None else f"the gateway serves version {served or '-'}")


def _champion(model: ModelFolder, version: Path) -> Path | None:
    """The version that serves, unless it is the one to be judged."""
    serving = model.serving()
    return serving if serving and serving.resolve() != version.resolve() else None


def _check_served(model: ModelFolder, running: RunningStack) -> None:
    state, served = model.state(), running.serving()
    if state and str(state.serving) != served:
        raise CommandFailed(
            f"the gateway serves version {served or 'none'}, the repository names {state.serving}",
            remedy="crossrank logs gateway and crossrank logs triton say why",
            exit_code=ExitCode.UNHEALTHY,
        )


def _rows(model: ModelFolder) -> list[dict[str, Any]]:
    state, present = model.state(), model.versions()
    if state is None:
        raise CommandFailed(f"{model.root} has no version", remedy="name the repository: --model-repository")
    previous = state.previous(present)
    rows = []
    for number in present:
        record = read_gate(model.folder(number)) or {}
        kinds = {state.serving: "serving", previous: "rollback"}
        rows.append(
            {
                "version": number,
                "state": kinds.get(number, "loaded" if number in state.loaded else "kept"),
                "replaced": state.replaced.get(number),
                "verdict": record.get("verdict"),
                "checked_at": record.get("checked_at"),
                "encoding_fingerprint": model.fingerprint(number),
            }
        )
    return rows


def _cell(value: object) -> Text:
    text = "-" if value is None else str(value)
    return Text(text, style=_STYLES.get(text, ""))


def _print_report(report: GateReport) -> None:
    rows = [
        (one.name, Text(one.outcome, style=_STYLES.get(one.outcome, "yellow")), one.detail) for one in report.checks
    ]
    against = f"against version {report.champion}" if report.champion else "without a champion"
    console.print_table(("check", "outcome", "found"), rows, title=f"version {report.version} {against}")
    console.say(report.verdict, style=_STYLES.get(report.verdict, "yellow"))


def _print_change(
    model: ModelFolder, change: Change, running: RunningStack | None, as_json: bool, more: dict[str, Any]
) -> None:
    if as_json:
        found = {"model": model.root.name, "version": change.serving, "replaced": change.replaced}
        console.print_json({**found, "served": running is not None, **more})
        return
    console.say(f"version {change.serving} serves; before: {change.replaced or 'none'}")
    if running is None:
        console.say("no stack runs on this repository: it serves when one starts")
