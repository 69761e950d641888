"""One of several gateway processes behind one port, with fakes behind it; started by tests.gateway.server.supervised.

Usage: python -m tests.gateway.server.worker HOST:PORT
"""

import asyncio
import sys

import uvloop

from gateway.domain.limits import Limits
from gateway.server.grpc_server import ServerSettings, serve
from gateway.server.supervisor import ending_with_input
from gateway.telemetry.logs import configure_logging
from tests.gateway.rpc.rig import parts


async def main(listen: str) -> None:
    """Serves until told to stop; a call takes a moment."""
    configure_logging("info")
    ranker, *_, services = parts(Limits())

    async def take_a_moment() -> None:
        await asyncio.sleep(0.3)

    ranker.before = take_a_moment
    with ending_with_input():
        await serve(services, ServerSettings(listen, Limits(), shares_port=True))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
