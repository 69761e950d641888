"""A whole server with fakes behind it, as the tests of the wire have it."""

from tests.gateway.rpc.conftest import rig

__all__ = ["rig"]
