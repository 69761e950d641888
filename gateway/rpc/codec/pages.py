"""Page tokens of ListItems: opaque to callers, bound to the filters they were made for."""

import base64
import binascii
from collections.abc import Sequence
from hashlib import blake2b

from crossrank.v1 import types_pb2
from gateway.domain.checks import Checks

_DIGEST_BYTES = 8
MAX_TOKEN_BYTES = 1024


def page_token(last_item_id: str, filters: Sequence[types_pb2.Filter]) -> str:
    """The token of the page after ``last_item_id``."""
    return base64.urlsafe_b64encode(_digest(last_item_id, filters) + last_item_id.encode()).decode()


def decode_page_token(checks: Checks, token: str, filters: Sequence[types_pb2.Filter]) -> str:
    """The id after which the page begins; empty for the first page."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token[:MAX_TOKEN_BYTES], altchars=b"-_", validate=True)
        last_item_id = raw[_DIGEST_BYTES:].decode()
    except (binascii.Error, ValueError):  # ValueError: not ASCII, or not UTF-8 inside
        raw, last_item_id = b"", ""
    if raw[:_DIGEST_BYTES] != _digest(last_item_id, filters):
        checks.fault(
            "page_token",
            f"received {len(token)} characters that no page with these filters ended with; the next_page_token of the "
            "page before: repeat its filters, or start again without a token",
        )
    return last_item_id


def _digest(last_item_id: str, filters: Sequence[types_pb2.Filter]) -> bytes:
    digest = blake2b(digest_size=_DIGEST_BYTES)
    for part in (last_item_id.encode(), *(one.SerializeToString(deterministic=True) for one in filters)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
