"""Free TCP ports on the loopback interface. Knows nothing of who will use them."""

import random
import socket

LOOPBACK = "127.0.0.1"
# Below Linux' default ephemeral range (32768-60999): an outgoing connection cannot take a port between choice and use.
_FIRST_PORT, _LAST_PORT = 20000, 32000
_MAX_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, in_a_row: int = 1) -> int:
    """The first of `in_a_row` free ports: `preferred` where they are free, else any outside the ephemeral range.

    Raises OSError when none of 200 random ports is free.
    """
    drawn = (random.randint(_FIRST_PORT, _LAST_PORT) for _ in range(_MAX_ATTEMPTS))
    for first in drawn if preferred is None else (preferred, *drawn):
        if all(map(is_free, range(first, first + in_a_row))):
            return first
    raise OSError(f"no free port among {_MAX_ATTEMPTS} tried in {_FIRST_PORT}-{_LAST_PORT}; close some listeners")


def free_ports(count: int) -> list[int]:
    """`count` different free ports."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)
