"""FeedbackService: decodes, calls the store, encodes. Knows nothing of storage."""

from collections.abc import Callable
from datetime import UTC, datetime

from crossrank.v1 import feedback_pb2, feedback_pb2_grpc
from gateway.domain.checks import Checks
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules
from gateway.ports import FeedbackStore
from gateway.rpc.calls import current_call
from gateway.rpc.codec.interactions import decode_interactions


def _now() -> datetime:
    return datetime.now(UTC)


class FeedbackServicer(feedback_pb2_grpc.FeedbackServiceServicer):
    """Every method answers or raises CrossrankError; the interceptor makes the status."""

    def __init__(self, feedback: FeedbackStore, limits: Limits, now: Callable[[], datetime] = _now) -> None:
        self._feedback = feedback
        self._rules = Rules(limits)
        self._now = now

    async def RecordInteractions(
        self, request: feedback_pb2.RecordInteractionsRequest, context: object
    ) -> feedback_pb2.RecordInteractionsResponse:
        """Stores all interactions or none."""
        checks = Checks(self._rules)
        interactions = decode_interactions(checks, request.interactions, self._now())
        checks.refuse_faults()
        recorded, attributed = await self._feedback.record_interactions(interactions, current_call().budget)
        return feedback_pb2.RecordInteractionsResponse(
            recorded=recorded, duplicates=len(interactions) - recorded, attributed=attributed
        )
