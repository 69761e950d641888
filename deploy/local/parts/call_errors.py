"""A failed gRPC call in words. Must not know who called whom."""

import grpc

from deploy.local.errors import ProbeFailed, Silent


def describe(error: grpc.RpcError) -> str:
    """The code and message of a failed call."""
    return f"{error.code().name} {error.details()}" if isinstance(error, grpc.Call) else str(error)


def probe_failure(subject: str, error: grpc.RpcError) -> ProbeFailed:
    """What a failed call says about `subject`: silent when the time ran out, else failed."""
    late = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    kind = Silent if late else ProbeFailed
    return kind(f"{subject} does not answer: {describe(error)}")
