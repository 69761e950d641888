"""One port behind which several processes of a stack listen, and nobody else. Must not know what they serve."""

import socket
from threading import Lock

from deploy.local.errors import StartFailed
from deploy.local.parts.ports import LOOPBACK, is_free


class SharedPort:
    """The kernel spreads connections over all that listen there with SO_REUSEPORT."""

    def __init__(self, port: int, processes: int) -> None:
        self.port = port
        self.processes = processes
        self._reserving = Lock()
        self._held: socket.socket | None = None

    def reserve(self) -> None:
        """Keeps the port for those who share it until this object ends; harmless when done already. Raises StartFailed
        when somebody else listens there, also one who would share."""
        with self._reserving:
            if self._held is None:
                if not is_free(self.port):
                    raise StartFailed(
                        f"somebody listens on port {self.port} of {LOOPBACK} already",
                        remedy=f"stop what listens there (ss -ltnp 'sport = {self.port}'), then crossrank up",
                    )
                self._held = _bound(self.port)

    def __del__(self) -> None:
        if self._held:
            self._held.close()


def _bound(port: int) -> socket.socket:
    """Bound and not listening: gets no connection, and keeps out who does not share."""
    held = socket.socket()
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for the bind alone: past ended connections
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((LOOPBACK, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        held.close()
        raise
    return held
