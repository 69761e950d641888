"""A smaller data set for trying things out: some users with all that they did, or some items. Knows no file format."""

import random
from collections import Counter

from training.data.tables import Tables


def sample_users(tables: Tables, users: int, seed: int) -> Tables:
    """``users`` of them, drawn by ``seed``, or all when there are no more; every item stays, and so does the order."""
    everybody = sorted({row.user_id for row in tables.interactions})
    chosen = frozenset(random.Random(seed).sample(everybody, min(users, len(everybody))))
    return Tables(
        tables.items,
        [row for row in tables.interactions if row.user_id in chosen],
        [row for row in tables.impressions if row.user_id in chosen],
    )


def most_liked(tables: Tables, items: int) -> Tables:
    """The ``items`` with most positives, and what was done with these; the order stays."""
    liked = Counter(row.item_id for row in tables.interactions if row.weight > 0)
    chosen = frozenset(item_id for item_id, _ in liked.most_common(items))
    return Tables(
        [item for item in tables.items if item.item_id in chosen],
        [row for row in tables.interactions if row.item_id in chosen],
        [row for row in tables.impressions if row.item_id in chosen],
    )
