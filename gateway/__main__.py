"""`python -m gateway`: settings from the environment, then serve. Exits 0 stopped, 1 cannot start, 2 bad settings.

With several processes this one supervises; each of them is `python -m gateway worker NUMBER HOST:PORT`.
"""

import asyncio
import sys
from collections.abc import Sequence

import uvloop

from gateway.domain.address import CannotListen
from gateway.domain.errors import CrossrankError
from gateway.server.supervisor import Supervisor, ending_with_input, reserved, worker_command
from gateway.settings import Settings, SettingsInvalid, read_settings, worker_settings
from gateway.telemetry.logs import configure_logging


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM."""
    try:
        settings = read_settings()
    except SettingsInvalid as fault:
        print(f"error: the settings cannot be used:\n{fault}", file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    try:
        return _serve(settings, arguments)
    except CannotListen as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except (CrossrankError, OSError) as fault:
        print(f"error: the gateway cannot start: {fault}", file=sys.stderr)
        return 1


def _serve(settings: Settings, arguments: Sequence[str]) -> int:
    if arguments[:1] == ["worker"]:
        uvloop.run(_work(worker_settings(settings, int(arguments[1]), arguments[2])))
        return 0
    if settings.processes > 1:
        with reserved(settings.listen) as listen:
            return asyncio.run(Supervisor(lambda number: worker_command(number, listen), settings.processes).run())
    from gateway.app import run  # here, so that a supervisor stays small

    uvloop.run(run(settings))
    return 0


async def _work(settings: Settings) -> None:
    from gateway.app import run

    with ending_with_input():
        await run(settings, shares_port=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
