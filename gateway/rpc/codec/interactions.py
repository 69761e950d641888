"""Interactions: messages to domain values."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from crossrank.v1 import feedback_pb2
from gateway.domain.checks import Checks
from gateway.domain.values import Interaction

_DEFAULT_WEIGHT = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""Years 1 to 9999, as google.protobuf.Timestamp states."""


def decode_interactions(
    checks: Checks, messages: Sequence[feedback_pb2.Interaction], now: datetime
) -> tuple[Interaction, ...]:
    """Interactions in order; ``now`` (with time zone) stands in for an absent time and bounds the future."""
    if not checks.count("interactions", len(messages), checks.rules.interactions):
        return ()
    return tuple(_decode(checks, f"interactions[{place}]", one, now) for place, one in enumerate(messages))


def _decode(checks: Checks, path: str, message: feedback_pb2.Interaction, now: datetime) -> Interaction:
    rules = checks.rules
    weight = _DEFAULT_WEIGHT
    if message.HasField("weight"):
        weight = checks.number(f"{path}.weight", message.weight, rules.number)
    return Interaction(
        user_id=checks.text(f"{path}.user_id", message.user_id, rules.required_id),
        item_id=checks.text(f"{path}.item_id", message.item_id, rules.required_id),
        event=checks.text(f"{path}.event", message.event, rules.event),
        weight=weight,
        time=_decode_time(checks, f"{path}.time", message.time, now) if message.HasField("time") else now,
        attribution_token=checks.text(f"{path}.attribution_token", message.attribution_token, rules.attribution_token),
    )


def _decode_time(checks: Checks, path: str, message: Timestamp, now: datetime) -> datetime:
    if not (_FIRST_SECOND <= message.seconds <= _LAST_SECOND and 0 <= message.nanos < 1_000_000_000):
        checks.fault(
            path,
            f"received {message.seconds} s and {message.nanos} ns; years 1 to 9999 and 0 to 999999999 ns: "
            "send seconds since 1970 in UTC",
        )
        return now
    time = _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    latest = now + timedelta(seconds=checks.rules.max_future_s)
    if time > latest:
        checks.fault(path, f"received {time.isoformat()}; at most {latest.isoformat()}: check the sender's clock")
    return time
