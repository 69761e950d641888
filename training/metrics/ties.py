"""Orders from scores. Ties are broken at random, seeded by the list alone and never by a target, so that a scorer that
knows nothing scores like a random order whatever order the items came in."""

import math
from collections.abc import Mapping
from hashlib import blake2b


def order_by_score(scores: Mapping[str, float], list_id: str, seed: int) -> tuple[str, ...]:
    """Item ids, best first. The same ids, ``list_id`` and ``seed`` always break ties alike, in whatever order the
    mapping is; another list breaks them otherwise. Raises ValueError when a score is not a number."""
    if broken := [item_id for item_id, score in scores.items() if math.isnan(score)]:
        raise ValueError(f"list {list_id}: the score of {broken[0]!r} is not a number; leave such items out")
    return tuple(sorted(scores, key=lambda item_id: (-scores[item_id], _lot(item_id, list_id, seed), item_id)))


def _lot(item_id: str, list_id: str, seed: int) -> bytes:
    """Drawn by hashing: needs no state, so a list can be measured alone. Lengths keep the parts apart."""
    parts = f"{seed}:{len(list_id)}:{list_id}:{item_id}"
    return blake2b(parts.encode(), digest_size=8).digest()
