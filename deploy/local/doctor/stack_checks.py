"""Whether the stack of a state directory works, and whether an earlier one left something behind. Changes nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local.doctor.finding import Finding, Severity, bad, good
from deploy.local.errors import Broken, ProbeFailed
from deploy.local.parts import probes, shared_memory
from deploy.local.parts.ports import is_free
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.plan import USUAL_PORTS, build_parts
from deploy.local.process import orphans
from deploy.local.process.lock import StackLock
from deploy.local.process.state import PartState, Status
from deploy.local.stack import part_names, read_plan, read_status
from gateway.domain.manifest import MANIFEST_FILE, manifest_faults

_PROBE_TIMEOUT_S = 3.0
WRITTEN = (MANIFEST_FILE, "manifest.py")
"""A version that export wrote has both; other models are not ours to judge."""


def check_stack(state_directory: Path) -> Iterator[Finding]:
    """The files of its models; its parts when it runs, else its ports and what it left behind."""
    yield _models(state_directory)
    if StackLock(state_directory).holder() is None:
        yield bad("stack", "not running", "crossrank up", Severity.INFO)
        yield from _ports(state_directory)
        yield _orphans(state_directory)
        yield _regions(state_directory)
        return
    state = read_status(state_directory)
    yield good("stack", f"supervised by process {state.supervisor_pid}, {state.status}")
    parts = {part.name: part for part in build_parts(read_plan(state_directory), state_directory)}
    for part in state.parts:
        yield _part(part, parts[part.name].probe)


def _models(state_directory: Path) -> Finding:
    """From outside: a worker that was changed could say of itself what it likes."""
    planned = read_plan(state_directory).model_repository if _has_plan(state_directory) else PROJECT_REPOSITORY
    versions = sorted({file.parent for name in WRITTEN for file in Path(planned).glob(f"*/*/{name}")})
    faults = [f"{version}: {fault}" for version in versions for fault in manifest_faults(version)]
    if faults:
        return bad("model files", f"{faults[0]} ({len(faults)} in all)", "copy or export the version again")
    return good("model files", f"{len(versions)} versions are as they were written")


def _has_plan(state_directory: Path) -> bool:
    return (state_directory / "plan.json").exists()


def _ports(state_directory: Path) -> Iterator[Finding]:
    ports = read_plan(state_directory).ports if _has_plan(state_directory) else USUAL_PORTS
    for name, port in ports.items():
        if is_free(port):
            yield good(f"port {port}", f"free for {name}")
        else:
            remedy = (
                f"`crossrank up` will choose another; to keep it, stop what listens there (ss -ltnp 'sport = {port}')"
            )
            yield bad(f"port {port}", f"wanted for {name}, but taken", remedy, Severity.WARNING)


def _orphans(state_directory: Path) -> Finding:
    found = [
        f"{process.pid} ({part})"
        for part in part_names(state_directory)
        for process in orphans.find(part, state_directory)
    ]
    if not found:
        return good("orphans", "no process of an earlier stack is left")
    return bad("orphans", f"left by an earlier stack: {', '.join(found)}", "crossrank down")


def _regions(state_directory: Path) -> Finding:
    found = shared_memory.regions(state_directory)
    if not found:
        return good("stale shared memory", "none")
    return bad(
        "stale shared memory", f"{len(found)} regions in {shared_memory.FOLDER}", "crossrank down", Severity.WARNING
    )


def _part(part: PartState, probe: Callable[[float], None]) -> Finding:
    if part.status is Status.FAILED:
        return bad(part.name, part.detail, part.remedy)
    try:
        probe(_PROBE_TIMEOUT_S)
    except Broken as failure:
        return bad(
            part.name, f"a worker is dead while Triton reports READY: {failure.message}", "crossrank up heals it"
        )
    except ProbeFailed as failure:
        return bad(part.name, failure.message, failure.remedy or f"crossrank logs {part.name}")
    return good(part.name, f"gives right answers at {probes.without_password(part.url)}")
