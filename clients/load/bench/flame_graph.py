"""Where a gateway's processor time goes under the benchmark's load, as a flame graph by py-spy. Must not judge it."""

import asyncio
import sysconfig
from pathlib import Path

from clients.load.bench.systems.served_stack import PATIENT, served_stack
from clients.load.bench.systems.wide_repository import MODEL, write_wide_repository
from clients.load.bench.workload.gateway_load import GatewayLoad
from clients.load.bench.workload.job_texts import mixed
from clients.load.bench.workload.readings import Load, Reading
from deploy.local.errors import StartFailed
from deploy.local.process import process

SAMPLES_PER_S = 200
SEED = 20261129
_PROGRAM = Path(sysconfig.get_path("scripts")) / "py-spy"
_START_AND_DRAW_S = 60.0
_WHEN_REFUSED = "where a process may not read another one: run it as root, or set the kernel's yama.ptrace_scope to 0"


def sample(pid: int, seconds: int, picture: Path, log_file: Path) -> None:
    """Samples the process and its children for ``seconds``, without stopping them, and draws ``picture``, an SVG file.
    Raises StartFailed."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    options = ("--duration", seconds, "--rate", SAMPLES_PER_S, "--output", picture.resolve())
    arguments = (_PROGRAM, "record", "--nonblocking", "--subprocesses", "--pid", pid, *options)
    command = process.Command(
        arguments=tuple(map(str, arguments)), directory=log_file.parent, mark=f"py-spy@{log_file.parent}"
    )
    try:
        process.run(command, log_file=log_file, timeout_s=seconds + _START_AND_DRAW_S)
    except StartFailed as fault:
        raise StartFailed(fault.message, remedy=f"{fault.remedy}; {_WHEN_REFUSED}") from fault


def draw_gateway(repository: Path, directory: Path, load: Load, seconds: int, picture: Path) -> Reading:
    """Starts a stack, puts ``load`` on its gateway in a closed loop for ``seconds``, and samples the gateway meanwhile.
    Returns what the load measured. Raises FileNotFoundError for a repository without the model, and LocalStackError: as
    StartFailed where a process may not be read."""
    if not _PROGRAM.is_file():
        raise StartFailed("py-spy is not installed", remedy='pip install -e ".[local,load]"')
    wide = write_wide_repository(repository, directory / "models")
    mix = mixed(wide / MODEL / "1" / "encoding" / "tokenizer.json", SEED)

    async def sampled(gateway: GatewayLoad, pid: int) -> Reading:
        await gateway.warm_up(mix, SEED - 1)
        loading = gateway.closed(load, mix.jobs(load.candidates, SEED), seconds)
        sampling = asyncio.to_thread(sample, pid, seconds, picture, directory / "py-spy.log")
        reading, _ = await asyncio.gather(loading, sampling)
        return reading

    with served_stack(directory / "stack", wide, PATIENT) as served:
        return asyncio.run(sampled(GatewayLoad(served.gateway_url, served.pids), served.gateway_pid))
