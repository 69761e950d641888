"""A failed gRPC call in words. Must not know who called whom."""

import grpc


def describe(error: grpc.RpcError) -> str:
    """The code and message of a failed call."""
    return f"{error.code().name} {error.details()}" if isinstance(error, grpc.Call) else str(error)
