"""A gateway process on uvloop, as in production, with fakes behind it: its calls end when it gets SIGUSR1.

Usage: python -m tests.gateway.rpc.standalone DRAIN_S GRACE_S
"""

import asyncio
import signal
import sys

import uvloop

from gateway.domain.address import Address
from gateway.domain.limits import Limits
from gateway.server.grpc_server import ServerSettings, serve
from gateway.telemetry.logs import configure_logging
from tests.gateway.rpc.rig import parts


def announce(address: Address) -> None:
    """Tells the test where to call."""
    print(address, flush=True)


async def main(drain_s: float, grace_s: float) -> None:
    """Serves until told to stop."""
    configure_logging("info")
    limits = Limits(default_deadline_s=60, max_deadline_s=60)
    ranker, *_, services = parts(limits)
    release = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, release.set)

    async def wait_for_release() -> None:
        await release.wait()

    ranker.before = wait_for_release
    await serve(services, ServerSettings("127.0.0.1:0", limits, drain_s=drain_s, grace_s=grace_s), announce)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]), float(sys.argv[2])))
    print("stopped", flush=True)
