"""The item sides of pairs that were tokenised a moment ago: a text that many requests bring is tokenised once.

Bounded in bytes, least recently used out first. Knows no tokenizer.
"""

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence

from cachetools import LRUCache

from gateway.encoding.pair_encoder import PairEncoder

_TOKEN_ID = "i"
_ENTRY_BYTES = 470
"""Of an entry without token ids, once the cache has turned over (tracemalloc)."""


class TokenIdCache:
    """Item sides of ``max_bytes`` together; 0: none. One event loop only."""

    def __init__(self, max_bytes: int) -> None:
        self._token_ids: LRUCache[bytes, bytes] = LRUCache(max_bytes, getsizeof=_entry_bytes)

    @property
    def used_bytes(self) -> int:
        """What the entries take."""
        return round(self._token_ids.currsize)

    def known(self, keys: Iterable[bytes]) -> dict[bytes, tuple[int, ...]]:
        """Item sides by key, as far as they are known."""
        found = ((key, self._token_ids.get(key)) for key in keys)
        return {key: tuple(array(_TOKEN_ID, packed)) for key, packed in found if packed is not None}

    def put(self, token_ids: Mapping[bytes, Sequence[int]]) -> None:
        """Remembers item sides."""
        for key, ids in token_ids.items():
            packed = array(_TOKEN_ID, ids).tobytes()
            if _entry_bytes(packed) <= self._token_ids.maxsize:
                self._token_ids[key] = packed

    def __len__(self) -> int:
        return len(self._token_ids)


def text_key(encoder: PairEncoder, fields: Mapping[str, str]) -> bytes:
    """BLAKE2b-128 of the encoding's item side and of the fields that it reads: equal only for items whose whole side of
    a pair is equal."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (encoder.item_fingerprint, *[fields.get(one.name, "") for one in encoder.spec.item.fields]):
        part = text.encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _entry_bytes(packed: bytes) -> int:
    return _ENTRY_BYTES + len(packed)
