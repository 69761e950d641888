"""A port behind which several processes of a stack listen, and nobody else."""

import socket

import pytest

from deploy.local.errors import StartFailed
from deploy.local.parts.ports import LOOPBACK, free_port, is_free
from deploy.local.parts.shared_port import SharedPort


def listener(port: int, *options: int) -> socket.socket:
    """Listens there, with these options of a socket set. Raises OSError."""
    made = socket.socket()
    try:
        for option in options:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind((LOOPBACK, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEPORT,)], ids=["alone", "would share"])
def test_a_port_on_which_somebody_listens_is_not_shared_with_him(options: tuple[int, ...]) -> None:
    with listener(0, *options) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed, match=f"listens on port {port}") as refusal:
            SharedPort(port, 2).reserve()
    assert f"sport = {port}" in refusal.value.remedy


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR,)], ids=["plain", "usual server"])
def test_a_reserved_port_is_kept_from_who_does_not_share(options: tuple[int, ...]) -> None:
    shared = SharedPort(free_port(), 2)
    shared.reserve()
    assert not is_free(shared.port)
    with pytest.raises(OSError, match="in use"):
        listener(shared.port, *options)


def test_all_who_share_a_reserved_port_listen_and_one_that_comes_back_may_reserve_again() -> None:
    shared = SharedPort(free_port(), 2)
    shared.reserve()
    options = (socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    with listener(shared.port, *options), listener(shared.port, *options):
        shared.reserve()
        with socket.create_connection((LOOPBACK, shared.port), timeout=5):
            pass


def test_a_port_with_connections_that_ended_a_moment_ago_can_be_reserved() -> None:
    with listener(0, socket.SO_REUSEADDR) as single:
        port = single.getsockname()[1]
        with socket.create_connection((LOOPBACK, port)) as caller:
            accepted, _ = single.accept()
            accepted.close()  # who ends a connection first remembers it for a minute
            assert caller.recv(1) == b""
    SharedPort(port, 2).reserve()
