"""A smaller data set for trying things out: some users with all that they did. Knows no file format."""

import random

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
