"""Cache keys: a digest of length-prefixed parts and of everything that changes the value. Knows no cache."""

import hashlib
from array import array
from collections.abc import Sequence

from gateway.domain.values import ModelIdentity


class PairKeys:
    """Keys of the pairs of one context under one model version; the context is digested once.

    BLAKE2b-128 over length-prefixed fields: two different pairs share a key only by a hash collision (2^-64 at 2^32
    keys), never because parts run into each other.
    """

    def __init__(self, model: ModelIdentity, context_token_ids: Sequence[int]) -> None:
        self._prefix = hashlib.blake2b(digest_size=16)
        for part in (model.name.encode(), model.version.encode(), model.fingerprint.encode(), _ids(context_token_ids)):
            self._prefix.update(len(part).to_bytes(8, "big") + part)

    def of(self, item_token_ids: Sequence[int]) -> bytes:
        """Key of the pair with this item side (as cut to its budget)."""
        digest = self._prefix.copy()
        part = _ids(item_token_ids)
        digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def _ids(token_ids: Sequence[int]) -> bytes:
    return array("q", token_ids).tobytes()
