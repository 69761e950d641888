"""How a release command reaches a gateway. Must not know what it asks."""

from collections.abc import Callable

from crossrank_client import CrossrankClient

Connect = Callable[[str, float], CrossrankClient]
"""Makes a client of the gateway at host:port, with its timeout in seconds."""


def to_open_gateway(target: str, timeout_s: float) -> CrossrankClient:
    """A client of a gateway that asks nobody who calls."""
    return CrossrankClient(target, timeout_s=timeout_s)
