"""Clients of Triton that have the key to its control."""

from pathlib import Path
from typing import Any, TypeVar

from tritonclient.grpc import InferenceServerClientPlugin

from deploy.local.parts.triton_control import control_headers

Client = TypeVar("Client", bound=Any)


class _Key(InferenceServerClientPlugin):  # type: ignore[misc]
    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, request: Any) -> None:
        """Adds the key to the headers of a request."""
        request.headers.update(control_headers(self._file))


def with_key(client: Client, file: Path) -> Client:
    """The client, whose every call shows the key from now on."""
    client.register_plugin(_Key(file))
    return client
