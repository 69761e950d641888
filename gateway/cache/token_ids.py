"""The item sides of pairs that were tokenised a moment ago: a text that many requests bring is tokenised once.

Bounded, least recently used out first. Knows no tokenizer.
"""

from collections.abc import Iterable, Mapping

from cachetools import LRUCache

from gateway.encoding.pair_encoder import PairEncoder

TextKey = tuple[str, ...]
"""The fingerprint of an encoding's item side, and the values of the fields that it reads."""


class TokenIdCache:
    """At most ``max_entries`` item sides; 0: none. One event loop only."""

    def __init__(self, max_entries: int) -> None:
        self._token_ids: LRUCache[TextKey, tuple[int, ...]] = LRUCache(maxsize=max_entries)

    def known(self, keys: Iterable[TextKey]) -> dict[TextKey, tuple[int, ...]]:
        """Whole item sides by key, as far as they are known."""
        found = ((key, self._token_ids.get(key)) for key in keys)
        return {key: token_ids for key, token_ids in found if token_ids is not None}

    def put(self, token_ids: Mapping[TextKey, tuple[int, ...]]) -> None:
        """Remembers item sides."""
        if self._token_ids.maxsize:
            self._token_ids.update(token_ids)

    def __len__(self) -> int:
        return len(self._token_ids)


def text_key(encoder: PairEncoder, fields: Mapping[str, str]) -> TextKey:
    """Equal only for items whose whole side of a pair is equal: same encoding, same fields."""
    return (encoder.item_fingerprint, *[fields.get(one.name, "") for one in encoder.spec.item.fields])
