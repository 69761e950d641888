"""Where a socket listens: ``host:port`` parsed, and the error when it cannot. Knows no server."""

from dataclasses import dataclass
from ipaddress import ip_address


class CannotListen(Exception):
    """An address cannot be listened on; the message names it, the reason and the next step."""

    def __init__(self, address: str, why: str, remedy: str) -> None:
        super().__init__(f"cannot listen on {address!r}: {why}; {remedy}")


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name, IPv4, or IPv6 without brackets) and a port; port 0 lets the system choose."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Reads ``host:port`` or ``[ipv6]:port``. Raises CannotListen."""
        host, separator, port = text.rpartition(":")
        if not separator or not host or not port.isdecimal() or int(port) > 65535:
            raise CannotListen(
                text, "it is not host:port with a port of 0 to 65535", "write for example 127.0.0.1:50051"
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
