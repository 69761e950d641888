"""crossrank up | down | status | logs | doctor: the stack of this machine. Must not start anything itself."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.hints import copyable
from clients.command_line.shared.options import with_grouped_options
from deploy.local import stack
from deploy.local.doctor.doctor import examine, is_healthy
from deploy.local.doctor.finding import Finding
from deploy.local.memory import resident_mb
from deploy.local.parts.probes import without_password
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.plan import PARTS, Plan
from deploy.local.process.logs import Log
from deploy.local.process.state import PartState, StackState, Status

_FOLLOW_PAUSE_S = 0.3
_STYLES = {Status.READY: "green", Status.FAILED: "red", Status.STOPPED: "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """A part as `status` shows it."""

    state: PartState
    memory_mb: float | None

    def document(self) -> dict[str, object]:
        """For --json: the state and the memory. Who needs a password reads the state directory."""
        memory_mb = self.memory_mb and round(self.memory_mb, 1)
        return {**asdict(self.state), "url": without_password(self.state.url), "memory_mb": memory_mb}

    def cells(self) -> list[str | Text]:
        """For the table: no password, one line."""
        state = self.state
        return [
            state.name,
            Text(state.status, style=_STYLES.get(state.status, "yellow")),
            without_password(state.url),
            str(state.pid or ""),
            f"{self.memory_mb:.0f} MB" if self.memory_mb else "",
            str(state.restarts),
            state.detail.partition("\n")[0],
        ]


@dataclass(frozen=True, slots=True)
class OthersServers:
    """Servers that somebody else runs."""

    postgres_url: Annotated[str, typer.Option(help="Use this PostgreSQL instead of starting one.")] = ""
    triton_url: Annotated[str, typer.Option(help="Use the Triton at this host:port instead of starting one.")] = ""
    triton_key_file: Annotated[
        str, typer.Option(help="File with the key to that Triton's control, where it has one.")
    ] = ""


@with_grouped_options
def up(
    others: OthersServers,
    model_repository: Annotated[
        Path, typer.Option(help="Models that Triton loads.", exists=True, file_okay=False)
    ] = PROJECT_REPOSITORY,
    part: Annotated[list[str] | None, typer.Option(help=f"Only these parts. Default: {', '.join(PARTS)}.")] = None,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Start PostgreSQL, Triton and the gateway, and leave them running under supervision."""
    directory = state_dir or stack.default_state_directory()
    plan = Plan(tuple(part or PARTS), str(model_repository.resolve()), **asdict(others))
    ignored = stack.ignored(directory, plan)
    with console.progress_bar("starting", quiet=as_json) as advance:
        state = stack.up(directory, plan, on_change=lambda now: advance.describe(_progress_text(now)))
    missing = _missing_ranker(directory, state) if "gateway" in plan.parts else ""
    if as_json:
        console.print_json({**_document(directory, state), "ignored": ignored, "missing_ranker": missing})
    else:
        _print_state(state)
    if missing:
        console.say(copyable(missing), style="yellow")
    if ignored:
        _print_ignored(ignored)
    elif "gateway" in plan.parts and not as_json:
        _print_how_to_call(state.part("gateway").url)


def down(state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Stop everything and remove what earlier crashes left behind. Data and logs stay."""
    directory = state_dir or stack.default_state_directory()
    stopped = stack.down(directory)
    if as_json:
        console.print_json(asdict(stopped))
        return
    console.say("stopped" if stopped.supervisor_ran else "the stack was not running")
    if stopped.orphans or stopped.regions:
        console.say(f"removed {stopped.orphans} orphaned processes and {stopped.regions} shared memory regions")


def status(state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Show what runs, where, since how many restarts and in how much memory. Exit code 3 unless all is ready."""
    directory = state_dir or stack.default_state_directory()
    state = stack.read_status(directory)
    if as_json:
        console.print_json(_document(directory, state))
    else:
        _print_state(state)
    console.leave(ExitCode.OK if state.status is Status.READY else ExitCode.UNHEALTHY)


def logs(
    part: Annotated[str, typer.Argument(help="postgres, triton, gateway or supervisor.")] = "gateway",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing until interrupted.")] = False,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Print the log of one part."""
    file = stack.log_file(state_dir or stack.default_state_directory(), part)
    if not file.exists():
        raise CommandFailed(f"there is no log {file}", remedy="crossrank up, or name another part")
    read_to = file.stat().st_size  # before the tail: what is written meanwhile may come twice, but never not at all
    tail = Log(file).last_lines(lines)
    if as_json:
        console.print_json({"part": part, "file": str(file), "lines": tail})
        return
    for line in tail:
        typer.echo(line)
    if follow:
        _follow(file, read_to)


def doctor(state_dir: StateDirectory = None, as_json: AsJson = False) -> None:
    """Name every missing or broken piece and its remedy. Exit code 3 when something stops the stack from working."""
    findings = examine(state_dir or stack.default_state_directory())
    if as_json:
        console.print_json({"healthy": is_healthy(findings), "checks": [asdict(finding) for finding in findings]})
    else:
        console.print_table(("", "check", "found"), [_finding_cells(finding) for finding in findings])
    console.leave(ExitCode.OK if is_healthy(findings) else ExitCode.UNHEALTHY)


def _finding_cells(finding: Finding) -> list[str | Text]:
    if finding.ok:
        return [Text("ok", style="green"), finding.name, finding.detail]
    style = {"error": "red", "warning": "yellow"}.get(finding.severity, "dim")
    return [Text(finding.severity, style=style), finding.name, f"{finding.detail}\n→ {copyable(finding.remedy)}"]


def _missing_ranker(directory: Path, state: StackState) -> str:
    from clients.command_line.stack.wanted_ranker import missing_ranker  # gRPC, which other commands do without

    gateway, wanted = state.part("gateway").url, stack.read_plan(directory).settings.get("CROSSRANK_RANKER")
    return missing_ranker(gateway, wanted) if wanted else ""


def _progress_text(state: StackState) -> str:
    return "  ".join(f"{part.name} {part.status}" for part in state.parts) or "starting the supervisor"


def _document(directory: Path, state: StackState) -> dict[str, object]:
    rows = [Row(part, part.pid and resident_mb(part.pid)) for part in state.parts]
    return {
        "status": state.status,
        "state_directory": str(directory.resolve()),
        "supervisor_pid": state.supervisor_pid,
        "parts": [row.document() for row in rows],
    }


def _print_state(state: StackState) -> None:
    if not state.parts:
        console.say(copyable("the stack was never started here: crossrank up"))
        return
    rows = [Row(part, part.pid and resident_mb(part.pid)).cells() for part in state.parts]
    console.print_table(("part", "status", "address", "process", "memory", "restarts", ""), rows)


def _print_ignored(differences: Sequence[str]) -> None:
    console.say("it ran already, and goes on as it was started:", style="yellow")
    for one in differences:
        console.say(f"  {one}")
    console.say(copyable("to change that: crossrank down, then crossrank up as you called it now"))


def _print_how_to_call(gateway: str) -> None:
    method = f"http://{gateway}/crossrank.v1.RankingService/Recommend"
    question = '{"context": {"userId": "1"}, "options": {"topN": 10}}'
    hints = (
        ("fill it", "crossrank index --dataset movielens-100k"),
        ("ask it", "crossrank recommend --user 1"),
        ("or", f"buf curl --protocol grpc --http2-prior-knowledge -d '{question}' {method}"),
        ("look at it", "crossrank status · crossrank logs gateway · crossrank doctor"),
        ("stop it", "crossrank down"),
    )
    console.say()
    for purpose, command in hints:
        console.say(f"{purpose:<12} {copyable(command)}")


def _follow(file: Path, start_byte: int) -> None:
    with file.open(errors="replace") as source:
        source.seek(start_byte)
        while True:
            text = source.read()
            if text:
                typer.echo(text, nl=False)
            else:
                time.sleep(_FOLLOW_PAUSE_S)
