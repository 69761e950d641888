"""`python -m gateway`: settings from the environment, then serve. Exits 0 stopped, 1 cannot start, 2 bad settings."""

import sys

import uvloop
from threadpoolctl import threadpool_limits

from gateway.app import run
from gateway.domain.address import CannotListen
from gateway.domain.errors import CrossrankError
from gateway.identity.identities import IdentitiesInvalid
from gateway.settings import SettingsInvalid, read_settings
from gateway.telemetry.logs import configure_logging


def main() -> int:
    """Serves until SIGTERM."""
    try:
        settings = read_settings()
    except SettingsInvalid as fault:
        print(f"error: the settings cannot be used:\n{fault}", file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    threadpool_limits(1)  # requests run side by side, not the parts of a product of small matrices
    try:
        uvloop.run(run(settings))
    except (CannotListen, IdentitiesInvalid) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except (CrossrankError, OSError) as fault:
        print(f"error: the gateway cannot start: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
