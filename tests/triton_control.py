"""Clients of Triton that have the key to its control."""

from pathlib import Path
from typing import Any, TypeVar

from deploy.local.parts.triton_control import control_headers

Client = TypeVar("Client", bound=Any)


def with_key(client: Client, file: Path) -> Client:
    """The client, whose every call shows the key from now on."""
    client.register_plugin(lambda request: request.headers.update(control_headers(file)))
    return client
