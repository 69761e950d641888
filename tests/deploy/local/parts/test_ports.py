"""Free ports."""

import socket

from deploy.local.parts.ports import LOOPBACK, free_port, free_ports, is_free


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = listener.getsockname()[1]
        assert not is_free(taken)
        assert free_port(preferred=taken) != taken


def test_the_preferred_port_is_used_when_it_is_free() -> None:
    port = free_port()
    assert free_port(preferred=port) == port


def test_several_ports_are_all_different_and_below_the_ephemeral_range() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) < 32768


def test_of_ports_in_a_row_every_one_is_free() -> None:
    first = free_port(in_a_row=4)
    with socket.create_server((LOOPBACK, first + 3)):
        assert free_port(first, in_a_row=3) == first
        assert free_port(first, in_a_row=4) != first
