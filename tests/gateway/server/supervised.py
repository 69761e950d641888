"""A supervisor of gateway processes with fakes behind them: prints the address that they share.

Usage: python -m tests.gateway.server.supervised PROCESSES [COMMAND...]  (by default tests.gateway.server.worker)
"""

import asyncio
import sys

from gateway.server.supervisor import Supervisor, reserved
from gateway.telemetry.logs import configure_logging


def main(processes: int, command: list[str]) -> int:
    """Runs until told to stop."""
    configure_logging("info")
    with reserved("127.0.0.1:0") as address:
        print(address, flush=True)
        worker = command or [sys.executable, "-m", "tests.gateway.server.worker", str(address)]
        return asyncio.run(Supervisor(lambda number: worker, processes).run())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
